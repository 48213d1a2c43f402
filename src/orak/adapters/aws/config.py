import msgspec


class AwsConfig(msgspec.Struct, frozen=True):
    """Where AWS is and how to sign in.

    None leaves a value to the AWS chain: environment, profile or role.
    """

    region: str | None = None
    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    token: str | None = None
