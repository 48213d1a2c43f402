"""Print the OpenAPI document."""

import sys

from orak.entrypoints.http.app import rendered_document

sys.stdout.buffer.write(rendered_document())
