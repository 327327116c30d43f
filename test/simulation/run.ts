// The simulator from the command line:
//   node test/simulation/run.ts --seeds 20000 --from 1 [--workers 2] [--twice] [--probes]
//   node test/simulation/run.ts --seed 827 [--log]
import { PROBES } from './probes.ts'
import { runSeeds } from './seeds.ts'
import { simulate } from './simulate.ts'

runSeeds({ url: import.meta.url, command: 'test/simulation/run.ts', simulate, probes: PROBES })
