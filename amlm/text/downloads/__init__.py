"""Data fetched from elsewhere, verified and resumable.

| module | holds |
| --- | --- |
| `download` | the command and its catalogue |
| `osf`, `hub` | what lies there, and where |
| `remote` | one file: fetched in parts, checked, put into place |
| `archive` | zip files unpacked safely |
"""
