import json
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

CDN = {"CDN_BASE_URL": "https://cdn.example.com"}


@pytest.fixture
def key_pair(tmp_path):
    file = tmp_path / "cloudfront.pem"
    key = rsa.generate_private_key(65537, 2048)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return CDN | {"CLOUDFRONT_KEY_ID": "K2JCJMDEHXQW5F", "CLOUDFRONT_PRIVATE_KEY": str(file)}


def test_sign_prints_a_url_of_the_cdn(orak, key_pair):
    signed = orak("cdn", "sign", "private/노래.m4a", "--seconds", "60", env=key_pair)
    assert signed.exit_code == 0, signed.stderr
    url = urlsplit(signed.stdout.strip())
    assert (url.netloc, url.path) == ("cdn.example.com", "/private/%EB%85%B8%EB%9E%98.m4a")
    assert parse_qs(url.query)["Key-Pair-Id"] == ["K2JCJMDEHXQW5F"]


def test_invalidate_passes_the_keys_to_cloudfront(orak, aws_server):
    distribution = aws_server.new_distribution()
    env = aws_server.env | CDN | {"CLOUDFRONT_DISTRIBUTION_ID": distribution}
    done = orak("cdn", "invalidate", "published/u/*", "published/노래.m4a", env=env)
    assert (done.exit_code, done.stdout) == (0, "")
    [found] = aws_server.invalidations(distribution)
    assert found["Paths"]["Items"] == ["/published/%EB%85%B8%EB%9E%98.m4a", "/published/u/*"]


def test_invalidating_the_same_keys_again_is_another_invalidation(orak, aws_server):
    distribution = aws_server.new_distribution()
    env = aws_server.env | CDN | {"CLOUDFRONT_DISTRIBUTION_ID": distribution}
    for _ in range(2):
        assert orak("cdn", "invalidate", "published/u/*", env=env).exit_code == 0
    assert len({found["CallerReference"] for found in aws_server.invalidations(distribution)}) == 2


def test_serve_does_not_start_with_a_key_that_cannot_sign(run, key_pair, tmp_path):
    refused = run(
        "serve",
        env=key_pair
        | {
            "CLOUDFRONT_PRIVATE_KEY": "/nowhere.pem",
            "JWT_SECRET": "s" * 32,
            "ORAK_PORT": "0",
            "ORAK_DATA_DIR": str(tmp_path),
        },
    )
    assert refused.returncode == 2
    error, hint = refused.stderr.splitlines()
    assert error.startswith("error: CLOUDFRONT_PRIVATE_KEY cannot be used: its file cannot be read")
    assert hint.startswith("hint: use an RSA key")


def test_without_settings_the_commands_say_which_one_they_need(orak):
    for words, name in (
        (("sign", "a"), "CLOUDFRONT_KEY_ID"),
        (("invalidate", "a"), "CLOUDFRONT_DISTRIBUTION_ID"),
    ):
        refused = orak("cdn", *words, env=CDN)
        assert refused.exit_code == 2
        assert f"error: {name} is not set" in refused.stderr
        assert "hint: docs/guides/cdn.md" in refused.stderr


def test_the_doctor_checks_the_distribution_and_the_key(orak, aws_server, key_pair):
    def finding(env):
        rows = [
            json.loads(line) for line in orak("doctor", "cdn", env=aws_server.env | env).stdout.splitlines()
        ]
        return next(((row["level"], row["detail"]) for row in rows if row["name"] == "cdn"), None)

    assert finding({}) is None
    assert finding(CDN) == ("ok", "https://cdn.example.com, keeps a deleted record for up to a day")
    distribution = {"CLOUDFRONT_DISTRIBUTION_ID": aws_server.new_distribution()}
    level, detail = finding(key_pair | distribution)
    assert (level, "key pair K2JCJMDEHXQW5F" in detail) == ("ok", True)
    level, detail = finding(CDN | {"CLOUDFRONT_DISTRIBUTION_ID": "E1NONE"})
    assert (level, "NoSuchDistribution" in detail) == ("warn", True)
    level, detail = finding(key_pair | {"CLOUDFRONT_PRIVATE_KEY": "/nowhere.pem"})
    assert (level, "FileNotFoundError" in detail) == ("fail", True)
