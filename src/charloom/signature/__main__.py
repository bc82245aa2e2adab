"""Write what signature.json holds to standard output."""

import json

from charloom.signature.hashes import everything

print(json.dumps(everything(), indent=2))
