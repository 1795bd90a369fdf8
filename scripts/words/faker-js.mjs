// Prints the given and family names of each locale of @faker-js/faker as JSON, for build.py.
import { allLocales } from "@faker-js/faker";

const found = {};
for (const [locale, { person }] of Object.entries(allLocales)) {
  if (person) found[locale] = { first: person.first_name, last: person.last_name };
}
console.log(JSON.stringify(found));
