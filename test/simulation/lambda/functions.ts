// Lambda as it runs our functions: environments that start cold, keep their module's state while warm,
// serve one event at a time, sleep between two (with whatever they left undone), and are killed at
// the timeout wherever they are. Events and answers cross as JSON.
import type { LambdaContext } from '../../../functions/lambda.ts'
import { MICROS_PER_MS, MICROS_PER_SECOND, type Micros } from '../../../lib/model/time.ts'
import { newProcess } from '../actors.ts'
import { SKEW, Violation, must } from '../invariants.ts'
import type { Process } from '../scheduler.ts'
import type { Cloud } from './cloud.ts'
import { environmentOf, type EnvironmentPorts } from './environment.ts'

export type Result<R> =
  | { readonly kind: 'answer'; readonly value: R }
  /** it threw, it was killed, it could not start: nobody knows what it did */
  | { readonly kind: 'error'; readonly reason: string }
  /** it was not invoked */
  | { readonly kind: 'throttled' }

export type Handler<E, R> = (event: E, context: LambdaContext) => Promise<R>

export interface FunctionProps<E, R> {
  readonly name: string
  readonly timeoutSeconds: number
  readonly concurrency: number
  /** runs at a cold start: what it makes lives as long as the environment */
  readonly start: (environment: EnvironmentPorts) => Handler<E, R>
}

interface Environment<E, R> {
  readonly process: Process
  readonly handler: Handler<E, R>
  /** null: asleep */
  invocation: number | null
  asleepSince: Micros
}

/** requests and answers of a synchronous invocation, and SQS events */
export const PAYLOAD_BYTES_MAX = 6 * 2 ** 20

export class LambdaFunction<E, R> {
  private readonly cloud: Cloud
  private readonly props: FunctionProps<E, R>
  private environments: Environment<E, R>[] = []
  private started = 0
  private invocations = 0
  running = 0

  constructor(cloud: Cloud, props: FunctionProps<E, R>) {
    this.cloud = cloud
    this.props = props
  }

  /** `answer` is called once, unless the answer is lost: then the invoker learns nothing for as long as it waits */
  invoke(event: E, answer: (result: Result<R>) => void): void {
    const { cloud, props } = this
    const { s } = cloud
    const text = JSON.stringify(event)
    must(text.length <= PAYLOAD_BYTES_MAX, `${props.name} is invoked with ${text.length} bytes: 413`)
    const reply = (result: Result<R>): void => s.after(s.latency(0), () => answer(result))
    const full = this.running >= props.concurrency
    if (full || cloud.chance('throttle')) {
      cloud.probe(full ? 'concurrency reached' : 'throttled')
      reply({ kind: 'throttled' })
      return
    }
    this.running++
    const warm = this.environments.filter((e) => e.invocation === null)
    const environment = warm.length > 0 && !cloud.chance('cold') ? s.random.pick(warm) : null
    if (environment !== null) this.serve(environment, text, reply)
    else s.after(s.random.log(100_000, 500_000), () => this.coldStart(text, reply))
  }

  private coldStart(text: string, reply: (result: Result<R>) => void): void {
    const { cloud, props } = this
    if (cloud.chance('initFailure')) {
      cloud.probe('initialisation failed')
      this.running--
      reply({ kind: 'error', reason: 'the environment did not start' })
      return
    }
    cloud.probe('cold start')
    // The platform takes sleeping environments back when it likes.
    if (cloud.s.random.chance(0.3)) this.reclaim()
    const process = newProcess(cloud.world, `${props.name}-${++this.started}`, SKEW)
    const own = environmentOf(cloud, process)
    const handler = props.start(own)
    const serve: Handler<E, R> = (event, context) => {
      own.deadline.begin(context.getRemainingTimeInMillis())
      return handler(event, context)
    }
    const environment: Environment<E, R> = { process, handler: serve, invocation: null, asleepSince: cloud.s.now }
    process.held = []
    this.environments.push(environment)
    this.serve(environment, text, reply)
  }

  private reclaim(): void {
    const asleep = this.environments.find((e) => e.invocation === null)
    if (asleep === undefined) return
    this.cloud.probe('environment reclaimed')
    this.destroy(asleep)
  }

  private serve(environment: Environment<E, R>, text: string, reply: (result: Result<R>) => void): void {
    const { cloud, props } = this
    const { s } = cloud
    const { process } = environment
    const invocation = ++this.invocations
    environment.invocation = invocation
    if (environment.asleepSince < s.now) cloud.probe('warm start')
    process.frozenFor += s.now - environment.asleepSince
    if (s.thaw(process) > 0) cloud.probe('thawed with work left')
    const deadline = s.now + props.timeoutSeconds * MICROS_PER_SECOND
    const end = (result: Result<R>): void => {
      if (environment.invocation !== invocation) return
      environment.invocation = null
      this.running--
      reply(result)
    }
    s.after(deadline - s.now, () => {
      if (environment.invocation !== invocation) return
      cloud.probe('environment killed at its timeout')
      s.log(`${process.name} is killed`)
      this.destroy(environment)
      end({ kind: 'error', reason: 'timed out' })
    })
    const context: LambdaContext = {
      awsRequestId: `${props.name}-${invocation}`, functionName: props.name,
      getRemainingTimeInMillis: () => Math.floor((deadline - s.now) / MICROS_PER_MS),
    }
    s.after(s.random.log(100, 2_000), () => this.run(environment, text, context, end), process)
  }

  private run(environment: Environment<E, R>, text: string, context: LambdaContext, end: (result: Result<R>) => void): void {
    const { cloud } = this
    const { process } = environment
    // A process that ends before its work, or after it and before it says so.
    const throws = cloud.chance('thrown') ? cloud.s.random.pick(['before', 'after']) : 'never'
    if (throws === 'before') {
      this.destroy(environment)
      end({ kind: 'error', reason: 'the process ended' })
      return
    }
    environment.handler(JSON.parse(text) as E, context).then((value) => {
      if (process.dead) return
      if (throws === 'after') {
        this.destroy(environment)
        end({ kind: 'error', reason: 'the process ended' })
        return
      }
      this.sleep(environment)
      const said = JSON.stringify(value) ?? 'null'
      must(said.length <= PAYLOAD_BYTES_MAX, `${process.name} answers with ${said.length} bytes`)
      end({ kind: 'answer', value: JSON.parse(said) as R })
    }, (error: unknown) => {
      if (error instanceof Violation) throw error
      if (process.dead) return
      this.sleep(environment)
      cloud.s.log(`${process.name} throws: ${String(error)}`)
      end({ kind: 'error', reason: String(error) })
    }).catch(cloud.world.fail)
  }

  private sleep(environment: Environment<E, R>): void {
    environment.process.held = []
    environment.asleepSince = this.cloud.s.now
  }

  private destroy(environment: Environment<E, R>): void {
    environment.process.dead = true
    this.environments = this.environments.filter((e) => e !== environment)
  }
}
