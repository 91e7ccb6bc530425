"""The submission file for the leaderboard.

| module | contents |
| --- | --- |
| `official`, `sizes` | checks and scores official files; required numbers of predictions |
| `validity` | what the leaderboard's server would refuse |
| `collate` | the content of the file from results, and what is missing |
| `plan`, `forecast` | the evaluations that fill the gaps; how long they will take |
| `submit` | all of it: evaluates, collates, checks, writes |
"""
