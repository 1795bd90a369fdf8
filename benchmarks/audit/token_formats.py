# ruff: noqa: E501  # a format a line

"""Freshly drawn tokens in the formats that providers publish: prefix, alphabet, length.

As providers announce them and as gitleaks lists them (commit 009e025), put together 2026-11. Those that are `held_out` are in none of the audit's
lists, nor may they be put there: they stand for the providers that nobody thought of.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass

ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
URL = ALNUM + "_-"


@dataclass(frozen=True, slots=True)
class TokenFormat:
    name: str
    make: Callable[[random.Random], str]
    held_out: bool = False


def drawn(
    prefix: str, size: int, alphabet: str = ALNUM, suffix: str = ""
) -> Callable[[random.Random], str]:
    return lambda r: prefix + "".join(r.choices(alphabet, k=size)) + suffix


def _digits(r: random.Random, size: int) -> str:
    return str(r.randint(1, 9)) + "".join(r.choices(string.digits, k=size - 1))


def _jwt(r: random.Random) -> str:
    def part(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    head = {"alg": r.choice(("HS256", "RS256", "ES256")), "typ": "JWT"}
    return f"{part(head)}.{part({'sub': _digits(r, 10)})}.{drawn('', 43, URL)(r)}"


def _onepassword(r: random.Random) -> str:
    sizes = (6, 6, 5, 5, 5, 5)
    return "-".join(("A3", *("".join(r.choices(UPPER, k=size)) for size in sizes)))


FORMATS = (
    *(TokenFormat(f"GitHub {p}", drawn(f"gh{p}_", 36)) for p in "pousr"),
    TokenFormat("GitHub fine-grained", drawn("github" + "_pat_", 22, ALNUM)),
    TokenFormat("GitLab", drawn("gl" + "pat-", 20, URL)),
    TokenFormat("GitLab runner", drawn("gl" + "rt-", 20, URL)),
    TokenFormat("Slack bot", lambda r: "xox" + f"b-{_digits(r, 11)}-{_digits(r, 12)}-{drawn('', 24)(r)}"),
    TokenFormat("Slack legacy", lambda r: "xox" + f"a-2-{_digits(r, 12)}-{_digits(r, 12)}-{drawn('', 32, HEX)(r)}"),
    TokenFormat("Slack workflow", lambda r: "https://hooks.slack.com/workflows/" + f"T{drawn('', 8, UPPER)(r)}/A{drawn('', 8, UPPER)(r)}/{_digits(r, 18)}/{drawn('', 24)(r)}"),
    TokenFormat("Stripe", drawn("sk" + "_live_", 24)),
    TokenFormat("Stripe restricted", drawn("rk" + "_live_", 24)),
    TokenFormat("OpenAI project", drawn("sk" + "-proj-", 60, URL)),
    TokenFormat("OpenAI", drawn("sk" + "-", 48)),
    TokenFormat("Anthropic", drawn("sk" + "-ant-api03-", 93, URL, "AA")),
    TokenFormat("AWS", drawn("AK" + "IA", 16, string.ascii_uppercase + "234567")),
    TokenFormat("AWS Bedrock", drawn("AB" + "SK", 109)),
    TokenFormat("Google", drawn("AI" + "za", 35, URL)),
    TokenFormat("Google client", drawn("GOC" + "SPX-", 28, URL)),
    TokenFormat("Sonar user", drawn("squ" + "_", 40, HEX)),
    TokenFormat("Sonar project", drawn("sqp" + "_", 40, HEX)),
    TokenFormat("Sonar analysis", drawn("sqa" + "_", 40, HEX)),
    TokenFormat("Sourcegraph", drawn("sgp" + "_", 40, HEX)),
    TokenFormat("LangSmith", lambda r: "lsv2" + f"_pt_{drawn('', 32, HEX)(r)}_{drawn('', 10, HEX)(r)}"),
    TokenFormat("E2B", drawn("e2b" + "_", 40, HEX)),
    TokenFormat("Hugging Face organisation", drawn("api" + "_org_", 34, string.ascii_letters)),
    TokenFormat("Hugging Face", drawn("hf" + "_", 34, string.ascii_letters)),
    TokenFormat("1Password", _onepassword),
    TokenFormat("Intra42", drawn("s-s4t2" + "ud-", 64, HEX)),
    TokenFormat("Intra42 affiliate", drawn("s-s4t2" + "af-", 64, HEX)),
    TokenFormat("Typesense-like tk", drawn("tk" + "-us-", 48, URL)),
    TokenFormat("JSON Web Token", _jwt),
    TokenFormat("JSON Web Token, lower case", lambda r: _jwt(r).lower()),
    TokenFormat("Telegram", lambda r: f"{_digits(r, 10)}:AA{drawn('', 33, URL)(r)}"),
    TokenFormat("curl -u", lambda r: f"curl -u {drawn('', 6, string.ascii_lowercase)(r)}:{drawn('', 12)(r)} https://api.example.net"),
    TokenFormat("npm", drawn("npm" + "_", 36)),
    TokenFormat("PyPI", drawn("pypi" + "-AgEIcHlwaS5vcmc", 60, URL)),
    TokenFormat("SendGrid", lambda r: f"SG.{drawn('', 22, URL)(r)}.{drawn('', 43, URL)(r)}"),
    TokenFormat("Groq", drawn("gsk" + "_", 52)),
    TokenFormat("xAI", drawn("xai" + "-", 80)),
    TokenFormat("DigitalOcean", drawn("dop" + "_v1_", 64, HEX)),
    TokenFormat("Shopify", drawn("shp" + "at_", 32, HEX)),
    TokenFormat("Databricks", drawn("da" + "pi", 32, HEX)),
    TokenFormat("Vault", drawn("hv" + "s.", 90, URL)),
    TokenFormat("age", drawn("AGE-SECRET-KEY-1", 58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")),
    TokenFormat("Grafana", drawn("gl" + "sa_", 32, ALNUM, "_0a1b2c3d")),
    TokenFormat("Netlify", drawn("nfp" + "_", 36), held_out=True),
    TokenFormat("Contentful", drawn("CFPAT" + "-", 43, URL), held_out=True),
    TokenFormat("Buildkite", drawn("bkua" + "_", 40, HEX), held_out=True),
    TokenFormat("Pulumi", drawn("pul" + "-", 40, HEX), held_out=True),
    TokenFormat("Adafruit", drawn("aio" + "_", 28), held_out=True),
    TokenFormat("Dynatrace", lambda r: f"dt0c01.{drawn('', 24, UPPER)(r)}.{drawn('', 64, UPPER)(r)}", held_out=True),
    TokenFormat("EasyPost", drawn("EZ" + "AK", 54), held_out=True),
    TokenFormat("Shippo", drawn("shippo" + "_live_", 40, HEX), held_out=True),
    TokenFormat("Frame.io", drawn("fio" + "-u-", 64, URL), held_out=True),
    TokenFormat("Mapbox", lambda r: f"pk.{drawn('', 60)(r)}.{drawn('', 22, URL)(r)}", held_out=True),
    TokenFormat("Prefect", drawn("pnu" + "_", 36), held_out=True),
    TokenFormat("Postman", lambda r: f"PMAK-{drawn('', 24, HEX)(r)}-{drawn('', 34, HEX)(r)}", held_out=True),
)  # fmt: skip
