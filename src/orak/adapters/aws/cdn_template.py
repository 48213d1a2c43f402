"""The CloudFront distribution as CloudFormation resources.

Only `published/` is readable without a signature, `private/` with one of the key group, and nothing else.
"""

from orak.adapters.aws.pathway import Json
from orak.domain.identity import PRIVATE, PUBLISHED

_CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
"""AWS's managed cache policy: it follows Cache-Control, and leaves the query out of the cache key."""

_ORIGIN = "bucket"

_NOT_FOUND = (
    "function handler(event) { return { statusCode: 404, statusDescription: 'Not Found', "
    "headers: { 'cache-control': { value: 'no-store' } } }; }"
)


def cdn() -> Json:
    """Return the resources by logical id."""
    return {
        "CdnAccess": _resource("OriginAccessControl", "NewCdn", _ACCESS),
        "CdnHeaders": _resource("ResponseHeadersPolicy", "NewCdn", _HEADERS),
        "CdnNotFound": _resource("Function", "NewCdn", _FUNCTION),
        "CdnKey": _resource("PublicKey", "HasKey", _KEY),
        "CdnKeys": _resource("KeyGroup", "HasKey", _KEY_GROUP),
        "Cdn": _resource("Distribution", "NewCdn", {"DistributionConfig": _DISTRIBUTION})
        | {"Metadata": _WITHOUT_CERTIFICATE},
    }


def _resource(kind: str, condition: str, properties: Json) -> Json:
    return {"Type": f"AWS::CloudFront::{kind}", "Condition": condition, "Properties": properties}


_WITHOUT_CERTIFICATE: Json = {"cfn-lint": {"config": {"ignore_checks": ["W1030"]}}}
"""The check ignores the condition, and takes the empty default of the certificate for its value."""


_NAME: Json = {"Fn::Sub": "${BucketName}-cdn"}

_ACCESS: Json = {
    "OriginAccessControlConfig": {
        "Name": _NAME,
        "OriginAccessControlOriginType": "s3",
        "SigningBehavior": "always",
        "SigningProtocol": "sigv4",
    }
}

_HEADERS: Json = {
    "ResponseHeadersPolicyConfig": {
        "Name": _NAME,
        "CorsConfig": {
            "AccessControlAllowCredentials": False,
            "AccessControlAllowHeaders": {"Items": ["range"]},
            "AccessControlAllowMethods": {"Items": ["GET", "HEAD"]},
            "AccessControlAllowOrigins": {"Items": ["*"]},
            "AccessControlExposeHeaders": {
                "Items": ["Accept-Ranges", "Content-Length", "Content-Range", "ETag"]
            },
            "AccessControlMaxAgeSec": 600,
            "OriginOverride": True,
        },
        "SecurityHeadersConfig": {"ContentTypeOptions": {"Override": True}},
    }
}

_FUNCTION: Json = {
    "Name": {"Fn::Sub": "${BucketName}-not-found"},
    "AutoPublish": True,
    "FunctionConfig": {"Comment": "Answers 404 outside the public folders", "Runtime": "cloudfront-js-2.0"},
    "FunctionCode": _NOT_FOUND,
}

_KEY: Json = {
    "PublicKeyConfig": {"Name": _NAME, "CallerReference": _NAME, "EncodedKey": {"Ref": "CdnPublicKey"}}
}

_KEY_GROUP: Json = {"KeyGroupConfig": {"Name": _NAME, "Items": [{"Ref": "CdnKey"}]}}

_BEHAVIOR: Json = {
    "TargetOriginId": _ORIGIN,
    "ViewerProtocolPolicy": "https-only",
    "AllowedMethods": ["GET", "HEAD", "OPTIONS"],
    "CachePolicyId": _CACHING_OPTIMIZED,
    "ResponseHeadersPolicyId": {"Ref": "CdnHeaders"},
}

_REFUSED: Json = {
    "FunctionAssociations": [
        {"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["CdnNotFound", "FunctionARN"]}}
    ]
}

_DISTRIBUTION: Json = {
    "Enabled": True,
    "Comment": {"Fn::Sub": "orak: ${BucketName}"},
    "HttpVersion": "http2and3",
    "IPV6Enabled": True,
    "Aliases": {"Fn::If": ["HasDomain", [{"Ref": "CdnDomain"}], {"Ref": "AWS::NoValue"}]},
    "ViewerCertificate": {
        "Fn::If": [
            "HasDomain",
            {
                "AcmCertificateArn": {"Ref": "CdnCertificateArn"},
                "MinimumProtocolVersion": "TLSv1.2_2021",
                "SslSupportMethod": "sni-only",
            },
            {"CloudFrontDefaultCertificate": True},
        ]
    },
    "Origins": [
        {
            "Id": _ORIGIN,
            "DomainName": {"Fn::GetAtt": ["Bucket", "RegionalDomainName"]},
            "OriginAccessControlId": {"Ref": "CdnAccess"},
            "S3OriginConfig": {"OriginAccessIdentity": ""},
        }
    ],
    "DefaultCacheBehavior": _BEHAVIOR | _REFUSED,
    "CacheBehaviors": [
        _BEHAVIOR | {"PathPattern": f"{PUBLISHED}/*"},
        {
            "Fn::If": [
                "HasKey",
                _BEHAVIOR | {"PathPattern": f"{PRIVATE}/*", "TrustedKeyGroups": [{"Ref": "CdnKeys"}]},
                {"Ref": "AWS::NoValue"},
            ]
        },
    ],
}
