// Requests signed as of a given instant. A writer judges an attempt's age, and may then be frozen for
// as long as it pleases its host; signed with the instant of that judgement, a request that reaches AWS
// later than a signature lives is refused there. So no commit happens at an age that nobody judged.
import type { DynamoDBClient, DynamoDBExtensionConfiguration, RuntimeExtension, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb'
import { MICROS_PER_MS } from '../model/time.ts'
import type { Micros } from '../model/time.ts'

type AuthScheme = ReturnType<DynamoDBExtensionConfiguration['httpAuthSchemes']>[number]
type HttpSigner = AuthScheme['signer']

/** under which a command's context carries its signing date, milliseconds since 1970 */
const SIGNED_AT = 'nilometerSignedAt'

/** has the transaction signed as of `at` by the host's clock, however late it is sent */
export function signAt(command: TransactWriteItemsCommand, at: Micros): TransactWriteItemsCommand {
  command.middlewareStack.add((next, context) => (args) => {
    context[SIGNED_AT] = at / MICROS_PER_MS
    return next(args)
  }, { step: 'initialize', name: 'nilometerSignAt' })
  return command
}

/** what the signing step hands its signer, as far as dates go */
interface SigningProperties {
  readonly config?: DynamoDBClient['config']
  readonly context?: {
    readonly [SIGNED_AT]?: number
    readonly endpointV2?: { readonly properties?: { readonly authSchemes?: readonly never[] } }
  }
  readonly signingRegion?: string
  readonly signingName?: string
}

/**
 * Wraps the client's signer. What the SDK learns of the host's clock from the Date of every answer is
 * added to a given date too: a host an hour off is corrected, and a late request stays late, for the
 * correction is between clocks, not between the judgement and the sending.
 */
export const datedSigning: RuntimeExtension = {
  configure(extension) {
    // One of the same name takes the old one's place.
    for (const scheme of extension.httpAuthSchemes()) extension.setHttpAuthScheme({ ...scheme, signer: dated(scheme.signer) })
  },
}

function dated(signer: HttpSigner): HttpSigner {
  return {
    async sign(request, identity, properties) {
      const { config, context, signingRegion, signingName } = properties as SigningProperties
      const signedAt = context?.[SIGNED_AT]
      if (signedAt === undefined || config === undefined) return signer.sign(request, identity, properties)
      const versionFour = await config.signer(context?.endpointV2?.properties?.authSchemes?.[0])
      return versionFour.sign(request, {
        signingDate: new Date(signedAt + config.systemClockOffset),
        ...(signingRegion === undefined ? {} : { signingRegion }),
        ...(signingName === undefined ? {} : { signingService: signingName }),
      })
    },
    // These learn the clock's offset, from whatever request.
    ...(signer.errorHandler === undefined ? {} : { errorHandler: signer.errorHandler.bind(signer) }),
    ...(signer.successHandler === undefined ? {} : { successHandler: signer.successHandler.bind(signer) }),
  }
}
