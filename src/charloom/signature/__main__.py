"""Compute the signature and write it to standard output, as the content of signature.json."""

import json

from charloom.signature.hashes import everything

print(json.dumps(everything(), indent=2))
