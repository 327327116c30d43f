# Reads Parquet files with Arrow's own reader: standard input has a line `text field<TAB>path` for each,
# standard output a JSON array of [line number, text, microseconds] for each. Knows nothing of nilometer.
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq

for request in sys.stdin.read().splitlines():
    field, path = request.split("\t")
    table = pq.read_table(path, columns=["line", field, "_timestamp"])
    times = table.column("_timestamp").cast(pa.int64()).to_pylist()
    print(json.dumps(list(zip(table.column("line").to_pylist(), table.column(field).to_pylist(), times))))
