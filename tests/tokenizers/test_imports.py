"""Reading a tokenizer is quick: neither torch nor transformers is imported for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from amlm.store.token_store import TokenStore

READ = """
import sys
from pathlib import Path
from amlm.tokenizers.existing import load_existing
print(load_existing(Path(sys.argv[1])).get_vocab_size())
print("imported:", *{"torch", "transformers", "lightning"} & set(sys.modules))
"""


def test_reading_a_tokenizer_imports_no_torch(small_store: TokenStore, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    small_store.tokenizer.save(str(path))
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True)
    assert done.stdout == f"{small_store.vocab_size}\nimported:\n", done.stderr
