/** Blocks of out-of-order data to report: SACK and one D-SACK (RFC 2018, RFC 2883). */
export class SackBlocks {
  /** Left and right edges, newest first. */
  readonly edges = new Int32Array(8)
  count = 0
  /** 1 when the D-SACK below is to be sent. */
  duplicate = 0
  duplicateStart = 0
  duplicateEnd = 0
}
