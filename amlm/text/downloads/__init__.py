"""Data fetched from elsewhere, verified and resumable.

| module | holds |
| --- | --- |
| `download` | the command and its catalogue |
| `osf` | what lies on OSF, and where |
| `remote` | its files: those that are missing fetched, resumed, verified |
| `archive` | zip files unpacked safely |
| `hub_repository` | a dataset repository of the Hugging Face Hub |
"""
