// How often a schedule fires in a month of 30 days, from its expression as EventBridge takes it.
// Grammar: docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html.

const MINUTES = { minute: 1, hour: 60, day: 1_440 } as const
const MINUTES_PER_MONTH = 30 * 1_440

/** how many values of a cron field match, of `all` there are */
function matches(field: string, all: number): number {
  if (field === '*' || field === '?') return all
  return field.split(',').reduce((n, part) => {
    const [range, step] = part.split('/') as [string, string?]
    const [from, to] = range.split('-') as [string, string?]
    const span = range === '*' ? all : to === undefined ? (step === undefined ? 1 : all - Number(from || 0)) : Number(to) - Number(from) + 1
    return n + (Number.isNaN(span) ? all : Math.ceil(span / Number(step ?? 1)))
  }, 0)
}

/**
 * Invocations a month; a cron's day fields count as every day, which is the dearer case.
 * @throws Error for an expression that is none
 */
export function invocationsOfSchedule(expression: string): number {
  const rate = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression)
  if (rate !== null) return MINUTES_PER_MONTH / (Number(rate[1]) * MINUTES[rate[2] as keyof typeof MINUTES])
  const cron = /^cron\((\S+) (\S+) \S+ \S+ \S+ \S+\)$/.exec(expression)
  if (cron !== null) return matches(cron[1]!, 60) * matches(cron[2]!, 24) * 30
  if (/^at\(.*\)$/.test(expression)) return 1
  throw new Error(`the schedule '${expression}' is neither rate(...), cron(...) nor at(...)`)
}
