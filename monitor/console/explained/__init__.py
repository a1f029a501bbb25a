"""Why a finding was made: it is made again from the log, and what was seen on the way is shown."""
