#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# New seeds every day, for a bounded time; the day's first seed is printed.
first=$(date +%Y%m%d)0000
echo "from seed $first on"
exec "$builddir/sim" --seed "$first" --seconds "${SIM_SECONDS:-25}"
