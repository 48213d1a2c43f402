from s3_servers import an_s3_server, s3_server  # noqa: F401 - fixtures
