// How V8 decides when to collect garbage, for all threads of the server; imported before any of them
// starts. The way in makes few objects and much memory outside the heap (inflated bodies, columns): by
// default every 64 MB of that cost a full collection, however small the heap. Counted with the heap
// against one limit it costs a fifth less CPU in all, for no more memory (docs/bench.md).
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--external-memory-accounted-in-global-limit')
