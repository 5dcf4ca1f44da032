/** The labs that are alive, in the book's order. */
import { loopback } from "./chapter01/Loopback.ts"
import { onePacket } from "./chapter02/OnePacket.ts"
import { waitingReader } from "./chapter03/WaitingReader.ts"
import { coldSend } from "./chapter04/ColdSend.ts"
import { swimLanes } from "./chapter05/SwimLanes.ts"
import { connectTime } from "./chapter06/ConnectTime.ts"
import { established } from "./chapter07/Established.ts"
import { oneServerPort } from "./chapter08/OneServerPort.ts"
import { needlessCall } from "./chapter09/NeedlessCall.ts"
import { freshNamespace } from "./chapter10/FreshNamespace.ts"
import type { Lab } from "./Lab.ts"

export const labs: ReadonlyArray<Lab> = [
  loopback,
  onePacket,
  waitingReader,
  coldSend,
  swimLanes,
  connectTime,
  established,
  oneServerPort,
  needlessCall,
  freshNamespace
]
