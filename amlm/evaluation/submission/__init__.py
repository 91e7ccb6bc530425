"""The leaderboard's file.

| module | holds |
| --- | --- |
| `official`, `sizes` | official files checked and scored; how many predictions there have to be |
| `submit` | the file, or what is missing in it |
"""
