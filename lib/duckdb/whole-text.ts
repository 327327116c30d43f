// DuckDB's binding (1.5.5-r.5) reads every text with one `new TextDecoder()`, which takes a U+FEFF at
// the start for a byte order mark and drops it: a character of the user's row. Its decoder is replaced
// by one that keeps it. The binding looks the decoder up at each text, so the order of imports does
// not matter; child only.
import accessors from '@duckdb/node-api/lib/vectors/dataAccessors.js'

Object.assign(accessors, { textDecoder: new TextDecoder('utf-8', { ignoreBOM: true }) })
