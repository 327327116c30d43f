// The simulated Lambda layer from the command line:
//   node test/simulation/lambda/run.ts --seeds 20000 --from 1 [--workers 2] [--twice] [--probes]
//   node test/simulation/lambda/run.ts --seed 827 [--log]
import { runSeeds } from '../seeds.ts'
import { probesOfBoth } from './probes.ts'
import { simulate } from './simulate.ts'

runSeeds({ url: import.meta.url, command: 'test/simulation/lambda/run.ts', simulate, probes: probesOfBoth() })
