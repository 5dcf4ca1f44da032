/**
 * net.ipv4.tcp_* of one network namespace, as a record of plain numbers: the data path reads fields, never names.
 * {@link sysctlNames} maps them to the kernel's names for `sysctl` and /proc/sys.
 */

export class TcpSysctl {
  /** net.core.somaxconn, connections. */
  somaxconn = 4096
  /** net.core.rmem_max and wmem_max, bytes. */
  rmemMax = 212_992
  wmemMax = 212_992
  portLow = 32_768
  portHigh = 60_999
  maxSynBacklog = 128
  syncookies = 1
  abortOnOverflow = 0
  synRetries = 6
  synackRetries = 5
  /** SYN timeouts that do not double (since 6.5). */
  synLinearTimeouts = 4
  retries1 = 3
  retries2 = 15
  orphanRetries = 0
  /** Seconds. */
  finTimeout = 60
  maxTwBuckets = 16_384
  maxOrphans = 16_384
  twReuse = 2
  /** Milliseconds. */
  twReuseDelay = 1000
  timestamps = 1
  windowScaling = 1
  sack = 1
  dsack = 1
  reordering = 3
  maxReordering = 300
  /** Bits: 2 a reordering window that stays, 4 no count of duplicates in it. */
  recovery = 1
  /** 3, 4: tail loss probe; 0: none. */
  earlyRetrans = 3
  /** F-RTO (RFC 5682). */
  frto = 2
  thinLinearTimeouts = 0
  /** Seconds. */
  minRttWindow = 300
  /** SACK compression: longest delay and its slack, ns; most ACKs that wait for one, 0: none. */
  compSackDelayNs = 1_000_000
  compSackSlackNs = 100_000
  compSackNr = 44
  /** Seconds. */
  keepaliveTime = 7200
  keepaliveProbes = 9
  keepaliveInterval = 75
  rmemMin = 4096
  rmemDefault = 131_072
  rmemLimit = 6_291_456
  wmemMin = 4096
  wmemDefault = 16_384
  wmemLimit = 4_194_304
  /** Pages of 4 KiB. */
  memLow = 22_500
  memPressure = 30_000
  memHigh = 45_000
  moderateRcvbuf = 1
  /** Positive: 1/2^n of a buffer is overhead; used where the kernel has no scaling ratio. */
  advWinScale = 1
  /** 1/2^n of the window is kept for the application; 0: not even one segment is. */
  appWin = 31
  slowStartAfterIdle = 1
  autocorking = 1
  /** Answers that follow soon until a connection counts as a conversation. */
  pingpongThresh = 1
  rfc1337 = 0
  stdurg = 0
  /** Bytes that may be unsent; as good as none by default. */
  notsentLowat = 4_294_967_295
  /** Bytes. */
  limitOutputBytes = 4_194_304
  tsoWinDivisor = 3
  minTsoSegs = 2
  tsoRttLog = 9
  pacingSsRatio = 200
  pacingCaRatio = 120
  /** Per second; 0 for no limit. */
  challengeAckLimit = 0
  /** Milliseconds. */
  invalidRatelimit = 500
  /** Index into Congestion.algorithms. */
  congestionControl = 1
  minSndMss = 48
  baseMss = 1024
  workaroundSignedWindows = 0
  retransCollapse = 1
  noMetricsSave = 1
  /** The receive window may shrink. */
  shrinkWindow = 0
  /** 0: no MTU probing; 1: after a black hole; 2: always. */
  mtuProbing = 0
  mtuProbeFloor = 48
  /** Seconds until the search begins anew; bytes of range at which it ends. */
  probeInterval = 600
  probeThreshold = 8
  /** 0: no ECN; 1: asked for and agreed to; 2: agreed to. */
  ecn = 2
  ecnFallback = 1
  /** Bits: FastOpenCookie.ts. */
  fastOpen = 1
  /** Seconds of the first pause of active Fast Open; 0: never. */
  fastOpenBlackholeSeconds = 0
  /** Microseconds. */
  rtoMinUs = 200_000
  /** Milliseconds. */
  rtoMax = 120_000
}

/** Every field whose value is a number. */
export type SysctlField = keyof TcpSysctl

/** Kernel names: one field each, or the fields of a tuple in order. */
export const sysctlNames: Readonly<Record<string, ReadonlyArray<SysctlField>>> = {
  "net.core.somaxconn": ["somaxconn"],
  "net.core.rmem_max": ["rmemMax"],
  "net.core.wmem_max": ["wmemMax"],
  "net.ipv4.ip_local_port_range": ["portLow", "portHigh"],
  "net.ipv4.tcp_max_syn_backlog": ["maxSynBacklog"],
  "net.ipv4.tcp_syncookies": ["syncookies"],
  "net.ipv4.tcp_abort_on_overflow": ["abortOnOverflow"],
  "net.ipv4.tcp_syn_retries": ["synRetries"],
  "net.ipv4.tcp_synack_retries": ["synackRetries"],
  "net.ipv4.tcp_syn_linear_timeouts": ["synLinearTimeouts"],
  "net.ipv4.tcp_rto_min_us": ["rtoMinUs"],
  "net.ipv4.tcp_rto_max_ms": ["rtoMax"],
  "net.ipv4.tcp_retries1": ["retries1"],
  "net.ipv4.tcp_retries2": ["retries2"],
  "net.ipv4.tcp_orphan_retries": ["orphanRetries"],
  "net.ipv4.tcp_fin_timeout": ["finTimeout"],
  "net.ipv4.tcp_max_tw_buckets": ["maxTwBuckets"],
  "net.ipv4.tcp_max_orphans": ["maxOrphans"],
  "net.ipv4.tcp_tw_reuse": ["twReuse"],
  "net.ipv4.tcp_tw_reuse_delay": ["twReuseDelay"],
  "net.ipv4.tcp_timestamps": ["timestamps"],
  "net.ipv4.tcp_window_scaling": ["windowScaling"],
  "net.ipv4.tcp_sack": ["sack"],
  "net.ipv4.tcp_dsack": ["dsack"],
  "net.ipv4.tcp_reordering": ["reordering"],
  "net.ipv4.tcp_max_reordering": ["maxReordering"],
  "net.ipv4.tcp_recovery": ["recovery"],
  "net.ipv4.tcp_early_retrans": ["earlyRetrans"],
  "net.ipv4.tcp_frto": ["frto"],
  "net.ipv4.tcp_thin_linear_timeouts": ["thinLinearTimeouts"],
  "net.ipv4.tcp_comp_sack_delay_ns": ["compSackDelayNs"],
  "net.ipv4.tcp_comp_sack_slack_ns": ["compSackSlackNs"],
  "net.ipv4.tcp_comp_sack_nr": ["compSackNr"],
  "net.ipv4.tcp_min_rtt_wlen": ["minRttWindow"],
  "net.ipv4.tcp_keepalive_time": ["keepaliveTime"],
  "net.ipv4.tcp_keepalive_probes": ["keepaliveProbes"],
  "net.ipv4.tcp_keepalive_intvl": ["keepaliveInterval"],
  "net.ipv4.tcp_rmem": ["rmemMin", "rmemDefault", "rmemLimit"],
  "net.ipv4.tcp_wmem": ["wmemMin", "wmemDefault", "wmemLimit"],
  "net.ipv4.tcp_mem": ["memLow", "memPressure", "memHigh"],
  "net.ipv4.tcp_moderate_rcvbuf": ["moderateRcvbuf"],
  "net.ipv4.tcp_adv_win_scale": ["advWinScale"],
  "net.ipv4.tcp_app_win": ["appWin"],
  "net.ipv4.tcp_slow_start_after_idle": ["slowStartAfterIdle"],
  "net.ipv4.tcp_autocorking": ["autocorking"],
  "net.ipv4.tcp_pingpong_thresh": ["pingpongThresh"],
  "net.ipv4.tcp_rfc1337": ["rfc1337"],
  "net.ipv4.tcp_stdurg": ["stdurg"],
  "net.ipv4.tcp_notsent_lowat": ["notsentLowat"],
  "net.ipv4.tcp_limit_output_bytes": ["limitOutputBytes"],
  "net.ipv4.tcp_tso_win_divisor": ["tsoWinDivisor"],
  "net.ipv4.tcp_min_tso_segs": ["minTsoSegs"],
  "net.ipv4.tcp_tso_rtt_log": ["tsoRttLog"],
  "net.ipv4.tcp_pacing_ss_ratio": ["pacingSsRatio"],
  "net.ipv4.tcp_pacing_ca_ratio": ["pacingCaRatio"],
  "net.ipv4.tcp_challenge_ack_limit": ["challengeAckLimit"],
  "net.ipv4.tcp_invalid_ratelimit": ["invalidRatelimit"],
  "net.ipv4.tcp_min_snd_mss": ["minSndMss"],
  "net.ipv4.tcp_base_mss": ["baseMss"],
  "net.ipv4.tcp_workaround_signed_windows": ["workaroundSignedWindows"],
  "net.ipv4.tcp_retrans_collapse": ["retransCollapse"],
  "net.ipv4.tcp_no_metrics_save": ["noMetricsSave"],
  "net.ipv4.tcp_shrink_window": ["shrinkWindow"],
  "net.ipv4.tcp_mtu_probing": ["mtuProbing"],
  "net.ipv4.tcp_mtu_probe_floor": ["mtuProbeFloor"],
  "net.ipv4.tcp_probe_interval": ["probeInterval"],
  "net.ipv4.tcp_probe_threshold": ["probeThreshold"],
  "net.ipv4.tcp_ecn": ["ecn"],
  "net.ipv4.tcp_ecn_fallback": ["ecnFallback"],
  "net.ipv4.tcp_fastopen": ["fastOpen"],
  "net.ipv4.tcp_fastopen_blackhole_timeout_sec": ["fastOpenBlackholeSeconds"]
}

/** A power of two that is at least `value`; 1 for 0. */
export const roundUpPowerOfTwo = (value: number): number => {
  let power = 1
  while (power < value) power *= 2
  return power
}

/** Buckets of the established hash for a machine with `bytes` of memory (F12; Linux: tcp_init). */
export const ehashEntries = (bytes: number): number => Math.min(524_288, roundUpPowerOfTwo(bytes / 131_072))

/** Sets what Linux computes from the size of memory: tcp_mem, tcp_rmem, tcp_wmem, backlog, TIME_WAIT and orphan limits. */
export const sizeToMemory = (sysctl: TcpSysctl, bytes: number): void => {
  const entries = ehashEntries(bytes)
  sysctl.maxTwBuckets = entries / 2
  sysctl.maxOrphans = entries / 2
  sysctl.maxSynBacklog = Math.max(128, entries / 256)
  const pages = Math.floor(bytes / 4096)
  const limit = Math.max(128, Math.floor(pages / 8))
  sysctl.memLow = Math.floor(limit / 4) * 3
  sysctl.memPressure = limit
  sysctl.memHigh = sysctl.memLow * 2
  const share = Math.floor(bytes / 128)
  sysctl.wmemLimit = Math.max(65_536, Math.min(4_194_304, share))
  sysctl.rmemLimit = Math.max(sysctl.rmemDefault, Math.min(6_291_456, share))
}
