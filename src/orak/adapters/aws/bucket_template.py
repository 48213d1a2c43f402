"""The bucket as CloudFormation resources: private, over TLS only, open to fresh signatures alone."""

import msgspec

from orak.adapters.aws.pathway import Json
from orak.domain.identity import PRIVATE, PUBLISHED

_DAYS_UNFINISHED = 2
"""Age at which S3 removes the parts of an upload that was never completed."""

_BUCKET: Json = {"Ref": "Bucket"}


class BucketRules(msgspec.Struct, frozen=True):
    """How long signatures are accepted, and the origins of the pages that upload."""

    put_seconds: int = 900
    """PRESIGN_TTL_SECONDS."""
    get_seconds: int = 3600
    """The life of a signed GET, to which `/media` redirects without a CDN."""
    origins: tuple[str, ...] = ()


def bucket() -> Json:
    """Return the properties of the bucket."""
    return {
        "BucketName": {"Ref": "BucketName"},
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        "PublicAccessBlockConfiguration": dict.fromkeys(
            ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
        ),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            ]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "UnfinishedUploads",
                    "Status": "Enabled",
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _DAYS_UNFINISHED},
                }
            ]
        },
        "CorsConfiguration": {"CorsRules": [_only_if("HasOrigins", _UPLOADS), _READS]},
    }


# docs/guides/storage.md explains both rules.
_UPLOADS: Json = {
    "AllowedOrigins": {"Ref": "Origins"},
    "AllowedMethods": ["PUT"],
    "AllowedHeaders": ["content-type", "if-none-match"],
    "ExposedHeaders": ["ETag"],
    "MaxAge": 600,
}
_READS: Json = {
    "AllowedOrigins": ["*"],
    "AllowedMethods": ["GET", "HEAD"],
    "AllowedHeaders": ["range"],
    "ExposedHeaders": ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"],
    "MaxAge": 600,
}


def bucket_policy() -> Json:
    """Return the properties of the bucket's policy.

    `s3:signatureAge` is in milliseconds, and applies to presigned URLs alone. It also limits
    URLs that were signed with a stolen key.
    https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html
    """
    everything = [_arn(), _arn("*")]
    return {
        "Bucket": _BUCKET,
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                _deny("NoPlainHttp", "s3:*", everything, {"Bool": {"aws:SecureTransport": "false"}}),
                _deny("NoOldTls", "s3:*", everything, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
                _deny(
                    "NoPublicWrite",
                    ["s3:PutObject", "s3:PutObjectAcl", "s3:DeleteObject", "s3:PutBucketPolicy"],
                    everything,
                    {"StringEquals": {"aws:PrincipalType": "Anonymous"}},
                ),
                _deny("NoOldUploads", "s3:PutObject", [_arn("*")], _older_than("PutSeconds")),
                _deny("NoOldReads", "s3:GetObject", [_arn("*")], _older_than("GetSeconds")),
                _only_if("NewCdn", _CDN_READS),
            ],
        },
    }


def _deny(sid: str, action: object, resource: object, condition: Json) -> Json:
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    }


def _older_than(seconds: str) -> Json:
    return {"NumericGreaterThan": {"s3:signatureAge": {"Fn::Sub": f"${{{seconds}}}000"}}}


def _arn(key: str | None = None) -> Json:
    """Return the ARN of the bucket, or of its objects with this *key*."""
    return {"Fn::Sub": "${Bucket.Arn}" + ("" if key is None else f"/{key}")}


def _only_if(condition: str, value: Json) -> Json:
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


_CDN_READS: Json = {
    "Sid": "CdnReads",
    "Effect": "Allow",
    "Principal": {"Service": "cloudfront.amazonaws.com"},
    "Action": "s3:GetObject",
    "Resource": [_arn(f"{PUBLISHED}/*"), _arn(f"{PRIVATE}/*")],
    "Condition": {
        "StringEquals": {
            "AWS:SourceArn": {
                "Fn::Sub": "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Cdn}"
            }
        }
    },
}
"""Originals are not among them: no setting of the distribution makes them readable."""
