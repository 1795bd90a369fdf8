# ruff: noqa: E501  # a format a line

"""The shapes of providers' tokens, as data: who gives them, what they look like.

Prefixes and lengths are facts, taken 2026-11 from what providers announce and from gitleaks'
configuration (MIT, commit 009e025a); no rule's text was copied. Lengths are the least that gives a
token away, since names and versions cut it. Separators are read as - or _ and letters in either
case: a key spelled as an agent's or a metric's name has lost both.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Final

from fleet.auditor.rules.wordlists import word_set

SHAPES: Final[tuple[tuple[str, str], ...]] = (
    ("Anthropic, OpenAI, OpenRouter, Langfuse", r"sk[-_](?:ant|proj|or|svcacct|admin|lf)[-_](?:[a-z0-9]{2,8}[-_])*[a-z0-9_-]{8,}"),
    ("OpenAI", r"sk[-_][a-z0-9]{20,}"),
    ("Stripe", r"(?:sk|rk|pk)[-_](?:live|test)[-_][a-z0-9]{8,}"),
    ("Stripe webhook", r"whsec[-_][a-z0-9+/]{12,}"),
    ("GitHub", r"gh[pousr][-_][a-z0-9]{12,}"),
    ("GitHub fine-grained", r"github[-_]pat[-_][a-z0-9_]{12,}"),
    ("GitLab", r"gl(?:pat|dt|rt|soat|ptt|cbt|ft|imt|agent|oas)[-_][a-z0-9_-]{10,}"),
    ("Slack", r"xox[abeoprs](?:[-_][a-z0-9]{1,})*[-_][a-z0-9]{6,}"),
    ("Slack app", r"xapp[-_]\d[-_][a-z0-9]+[-_]\d+[-_][a-z0-9]+"),
    ("Slack hook", r"https://hooks[.]slack[.]com/(?:services|workflows|triggers)/[a-z0-9/]{10,}"),
    ("AWS", r"(?:akia|asia|abia|acca)[a-z0-9]{16}"),
    ("AWS Bedrock", r"absk(?=[a-z0-9+/]*\d)[a-z0-9+/]{20,}"),
    ("Google", r"aiza[a-z0-9_-]{28,}"),
    ("Google client", r"gocspx[-_][a-z0-9_-]{12,}"),
    ("Google access", r"ya29[.][a-z0-9_-]{12,}"),
    ("SendGrid", r"sg[.][a-z0-9_-]{6,}[.][a-z0-9_-]{8,}"),
    ("SendGrid", r"sg[.][a-z0-9_-]{20,}"),
    ("SendGrid in a name", r"sg[-_](?=[a-z0-9_-]*\d[a-z_-]+\d)[a-z0-9_-]{30,}"),
    ("Sonar", r"sq[upa][-_][a-f0-9]{16,}"),
    ("Sourcegraph", r"sgp[-_](?:(?:local|[a-f0-9]{16})[-_])?[a-f0-9]{16,}"),
    ("LangSmith", r"lsv2[-_](?:pt|sk)[-_][a-f0-9]{16,}"),
    ("E2B", r"e2b[-_][a-f0-9]{16,}"),
    ("Hugging Face", r"hf[-_][a-z0-9]{16,}"),
    ("Hugging Face organisation", r"api[-_]org[-_][a-z]{20,}"),
    ("1Password", r"a3[-_][a-z0-9]{6}[-_](?:[a-z0-9]{11}|[a-z0-9]{6}[-_][a-z0-9]{5})[-_][a-z0-9]{5}"),
    ("42", r"[su][-_]s4t2(?:ud|af)[-_][a-f0-9]{16,}"),
    ("a token of the United States", r"tk[-_]us[-_][a-z0-9_-]{24,}"),
    ("npm", r"npm[-_][a-z0-9]{16,}"),
    ("PyPI", r"pypi[-_]age[a-z0-9_-]{12,}"),
    ("DigitalOcean", r"do[opr][-_]v1[-_][a-f0-9]{16,}"),
    ("Shopify", r"shp(?:at|ca|pa|ss)[-_][a-f0-9]{16,}"),
    ("Databricks", r"dapi[a-f0-9]{24,}"),
    ("Vault", r"hv[sbr][-_.](?=[a-z0-9_-]*\d)[a-z0-9_-]{24,}"),
    ("Vault", r"hv[sbr][.][a-z0-9_-]{16,}"),
    (
        "Linear, Nvidia, Notion, Groq, xAI, Perplexity, Replicate, Docker, Tavily, Firecrawl, Pinecone, Render, Resend, "
        "PostHog, Apify, Figma, Sentry, Supabase, Tailscale, Cloudflare, 1Password, Cerebras",
        r"(?:lin|nvapi|ntn|gsk|xai|pplx|r8|dckr[-_]pat|tvly|fc|pcsk|rnd|re|phc|phx|apify[-_]api|figd|sntrys"
        r"|sbp|lin[-_]api|lin[-_]oauth|tskey|tskey[-_]auth|cfut|ops|csk)[-_][a-z0-9_-]{18,}",
    ),
    ("age", r"age[-_]secret[-_]key[-_]1[a-z0-9]{10,}"),
    ("Doppler", r"dp[.](?:pt|st|ct)[.][a-z0-9._-]{12,}"),
    ("Grafana", r"gl(?:sa|c)[-_][a-z0-9_=]{16,}"),
    ("PlanetScale", r"pscale[-_](?:tkn|pw|oauth)[-_][a-z0-9_.-]{12,}"),
    ("Square", r"sq0[a-z]{3}[-_][a-z0-9_-]{16,}"),
    ("Square, Facebook", r"eaaa[a-z0-9_-]{24,}"),
    ("Fly", r"fo1[-_][a-z0-9_-]{16,}"),
    ("Terraform", r"[a-z0-9]{8,20}[.]atlasv1[.][a-z0-9_-]{12,}"),
    ("New Relic", r"nr(?:ak|js|ii|al)[-_][a-z0-9]{16,}"),
    ("Mailgun", r"key[-_][a-f0-9]{32}"),
    ("Twilio", r"(?:sk|ac)[0-9a-f]{32}"),
    ("Telegram", r"\d{8,10}[:_-]aa[a-z0-9_-]{20,}"),
    ("Discord", r"[mno][a-z0-9_-]{23,25}[.][a-z0-9_-]{6}[.][a-z0-9_-]{27,}"),
    ("Discord hook", r"https://(?:ptb[.])?discord(?:app)?[.]com/api/webhooks/[a-z0-9/_-]{10,}"),
    ("Mailchimp", r"[a-f0-9]{32}[-_]us\d{1,2}"),
    ("named as one", r"(?:bot|user|app|access|api|secret|auth|bearer)[-_](?:key|token)[-_](?=[a-z0-9]*\d)[a-z0-9]{10,}"),
)  # fmt: skip
"""Provider, and the shape of what it gives."""

PROVIDER: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?:{'|'.join(shape for _, shape in SHAPES)})", re.IGNORECASE
)
JWT: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:eyJ[A-Za-z0-9_-]{6,}"
    # Lower-cased it decodes to nothing; what most headers open with is still there:
    # {"alg, {"typ, {"kid, {"enc, {"cty, {"x5t, {"jwk.
    r"|eyj(?:hbgci|0exai|rawqi|lbmmi|jdhki|4nxqi|qd2si)[a-z0-9_-]{8,})(?:[._-][A-Za-z0-9_-]{2,}){0,2}"
)
COMMAND: Final = re.compile(
    r"\b(?:curl|wget|http|https)\b[^\n|;]{0,200}?\s(?:-u|--user|--proxy-user|-U|-a|--auth)[ =]?[\"']?"
    r"([^\s:\"']{1,64}:[^\s\"']{3,128})"
    r"|\bsshpass\s+-p\s?[\"']?([^\s\"']{3,128})"
    r"|\b(?:mysql|mysqldump|mariadb)\b[^\n|;]{0,200}?\s-p([^\s\"']{4,128})"
)
"""Commands that carry a user and password, or a password alone."""

_DIGEST_WORDS: Final = word_set(
    """
    sha sha1 sha224 sha256 sha384 sha512 md5 blake2 blake3 git hg svn rev revision commit build hash digest image
    container checksum etag uuid guid id g dev dirty crc run job trace span layer tag snapshot ref
    """
)
_KEY_WORDS: Final = word_set("live test pat key token secret api sandbox auth access pk sk")
_HEX_PART: Final = re.compile(r"[a-f0-9]{20,}", re.IGNORECASE)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def prefixed_hex(name: str, is_known: Callable[[str], bool]) -> bool:
    """Whether `name` is a prefix that is no word, or is one of keys, and long hex behind it.

    Digests have no prefix, or one that says so (`git`, `sha256`); machines have words (`worker`).
    """
    if _UUID.search(name):
        return False
    parts = re.split(r"[-_]", name.lower())
    for before, part in itertools.pairwise(parts):
        if not _HEX_PART.fullmatch(part) or not re.search("[a-f]", part):
            continue
        if not 2 <= len(before) <= 8 or before in _DIGEST_WORDS:
            return False
        if before in _KEY_WORDS:
            return True
        letters = before.rstrip("0123456789")
        return bool(letters) and letters.isalpha() and not is_known(letters)
    return False
