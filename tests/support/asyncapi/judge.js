// node judge.js FILE: what @asyncapi/parser makes of an AsyncAPI document, as JSON on stdout.
import parsing from '@asyncapi/parser';

const { Parser, fromFile } = parsing;
const { document, diagnostics } = await fromFile(new Parser(), process.argv[2]).parse();
const operations = (document?.operations().all() ?? []).map((operation) => ({
  id: operation.id(),
  action: operation.action(),
  address: operation.channels().all()[0].address(),
  fields: operation.messages().all().map((message) => Object.keys(message.payload().properties() ?? {})),
}));
console.log(JSON.stringify({
  valid: document !== undefined,
  complaints: diagnostics.map(({ severity, code, path }) => ({ severity, code, path: path.join('.') })),
  operations,
}));
