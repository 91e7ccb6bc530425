"""The submission file for the leaderboard.

| module | contents |
| --- | --- |
| `official`, `sizes` | checks and scores official files; required numbers of predictions |
| `validity` | what the leaderboard's server would refuse |
| `submit` | writes the file, or lists what is missing |
"""
