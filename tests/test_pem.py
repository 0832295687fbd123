"""Normalisation of public keys in PEM, and the causes of its errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cams_async.cli.demo import PUBLIC_KEY
from cams_async.operations.pem import PemError, canonical
from tests.strategies import PUBLIC_KEYS, pem

KEY = pem(b"\x00\xfb\xef\xff" * 30)
LINES = KEY.splitlines()
BODY = "".join(LINES[1:-1])
BEGIN, END = LINES[0], LINES[-1]


def labelled(label: str) -> str:
    """Return the key with another label."""
    return KEY.replace("PUBLIC KEY", label)


def block(body: str) -> str:
    """Return a block with another body."""
    return f"{BEGIN}\n{body}\n{END}\n"


LAX = {
    "canonical": KEY,
    "no newline at the end": KEY.rstrip(),
    "white space around": f"\n \t{KEY}\n\n",
    "CRLF": KEY.replace("\n", "\r\n"),
    "lone CR": KEY.replace("\n", "\r"),
    "blank lines": KEY.replace("\n", "\n\n"),
    "indentation": KEY.replace("\n", "\n    "),
    "trailing spaces": KEY.replace("\n", " \t\n"),
    "no line breaks": KEY.replace("\n", ""),
    "spaces for line breaks": KEY.replace("\n", " "),
    "no-break spaces": KEY.replace("\n", "\u00a0\n"),
    "lines of 76": block("\n".join(BODY[at : at + 76] for at in range(0, 176, 76))),
    "one long line": block(BODY),
    "a byte order mark": f"\ufeff{KEY}",
    "bytes": KEY.encode(),
    "bytes with a byte order mark": KEY.encode("utf-8-sig"),
    "UTF-16": KEY.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + KEY.encode("utf-16-be"),
}


@pytest.mark.parametrize("text", LAX.values(), ids=LAX)
def test_the_lax_form_becomes_canonical(text: str | bytes) -> None:
    """A canonical line has 64 characters and ends in a line feed."""
    assert KEY == canonical(text)


@pytest.mark.parametrize(
    "key", [PUBLIC_KEY, pem(b""), pem(bytes(127)), pem(bytes(128))]
)
def test_a_canonical_key_stays_as_it_is(key: str) -> None:
    """The keys have DER lengths of one and of three bytes."""
    assert key == canonical(key)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (KEY.replace("\n", "\\n"), r"a literal \n"),
        (KEY.replace("\n", "\\r\\n"), r"a literal \n"),
        (KEY.encode().replace(b"\n", b"\\n"), r"a literal \n"),
        ("", "an empty text"),
        (" \n", "an empty text"),
        (b"", "an empty text"),
        (BODY, "no boundary"),
        ("key.pem", "no boundary"),
        (KEY.replace("-----", "----"), "without exactly five hyphens"),
        (KEY.replace("-----", "\u2014\u2014-"), "without exactly five hyphens"),
        (KEY.replace(END, ""), "no end boundary: the text is cut off"),
        (KEY.replace(BEGIN, ""), "no begin boundary"),
        (KEY.replace(f"{END}", "-----END RSA PUBLIC KEY-----"), "of two labels"),
        (labelled("PRIVATE KEY"), "a private key"),
        (labelled("RSA PRIVATE KEY"), "a private key"),
        (labelled("EC PRIVATE KEY"), "a private key"),
        (labelled("ENCRYPTED PRIVATE KEY"), "a private key"),
        (labelled("OPENSSH PRIVATE KEY"), "a private key"),
        (f"{KEY}{labelled('PRIVATE KEY')}", "a private key"),
        (labelled("PRIVATE KEY").replace("\n", "\\n"), "a private key"),
        (labelled("CERTIFICATE"), "openssl x509 -pubkey"),
        (labelled("RSA PUBLIC KEY"), "-RSAPublicKey_in"),
        (labelled("CERTIFICATE REQUEST"), "labelled 'CERTIFICATE REQUEST'"),
        ("ssh-rsa AAAAB3NzaC1yc2E user@host", "ssh-keygen -e -m PKCS8"),
        (KEY + KEY, "2 blocks instead of one"),
        (KEY + labelled("CERTIFICATE"), "2 blocks instead of one"),
        (f"{END}\n{BEGIN}\n", "boundaries in the wrong order"),
        (f"{KEY}'", "other text before or after the key"),
        (f'"{KEY}"', "other text before or after the key"),
        (f"Public-Key: (2048 bit)\n{KEY}", "other text before or after the key"),
        (block(f"Proc-Type: 4,ENCRYPTED\n\n{BODY}"), "header lines inside the key"),
        (block("A\u200bAA"), "U+200B at position 29"),
        (block(f"\u0430{BODY}"), "U+0430 at position 28"),
        (block("AA\\/A"), r"U+005C at position 30"),
        (block(""), "nothing between the boundaries"),
        (block(BODY[:-3]), "base64 that is cut off"),
        (block("AA=A"), "padding in the wrong place"),
        (block("A==="), "padding in the wrong place"),
        (block("=AAA"), "padding in the wrong place"),
        (block(BODY[4:]), "something that is no key"),
        (block(BODY[:64]), "48 bytes of a key of 122 bytes"),
        (block(BODY[:64] + BODY), "170 bytes of a key of 122 bytes"),
        (block("MA=="), "1 bytes of a key of 2 bytes"),
        (b"\x30\x82\xff\xff", "openssl pkey -pubin -inform DER"),
        (b"\xff\xd8\xff\xe0", "bytes that are no text"),
        (5, "a value of type int"),
    ],
)
def test_each_cause_is_named(text: str | bytes, expected: str) -> None:
    """The message may name a command, and never shows the key."""
    with pytest.raises(PemError) as caught:
        canonical(text)

    assert expected in str(caught.value)
    assert BODY[:20] not in str(caught.value)


@given(PUBLIC_KEYS, st.lists(st.sampled_from(" \t\n\r\v\f"), max_size=9))
def test_white_space_is_ignored(key: str, blanks: list[str]) -> None:
    """White space may follow any character of the body."""
    begin, *lines, end = key.splitlines()
    body = "".join(lines)
    mixed = [*zip(body, blanks, strict=False), *body[len(blanks) :]]

    lax = "".join("".join(each) for each in mixed)
    assert key == canonical(f"{begin}{lax}{end}")


@given(st.text() | st.binary() | st.text().map(block))
def test_any_value_is_normalised_or_rejected(text: str | bytes) -> None:
    """No other exception is raised, and normalising twice changes nothing."""
    try:
        key = canonical(text)
    except PemError:
        return
    assert key == canonical(key)


def test_a_long_malformed_key_is_rejected_in_linear_time() -> None:
    """The patterns do not backtrack on a megabyte of text."""
    line = f"{'A' * 64}\n"
    for nearly in f"{BEGIN}\n{line * 16_000}-----END", BEGIN * 40_000, "-" * 10**6:
        with pytest.raises(PemError):
            canonical(nearly)
