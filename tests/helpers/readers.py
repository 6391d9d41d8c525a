"""The bundled readers."""

from __future__ import annotations

from mft_core.data.readers import installed_readers

READERS = installed_readers()
