/**
 * TCP's counters: one number each in a namespace's block (`TcpNet.mib`), under the names of /proc/net/snmp and
 * /proc/net/netstat (Linux: net/ipv4/proc.c). The constants are positions in the block.
 *
 * The list has all the kernel's names that TCP raises, also those of features that are not there yet: they stay 0.
 */

export const RTO_ALGORITHM = 0
export const RTO_MIN = 1
export const RTO_MAX = 2
export const MAX_CONN = 3
export const ACTIVE_OPENS = 4
export const PASSIVE_OPENS = 5
export const ATTEMPT_FAILS = 6
export const ESTAB_RESETS = 7
export const CURR_ESTAB = 8
export const IN_SEGS = 9
export const OUT_SEGS = 10
export const RETRANS_SEGS = 11
export const IN_ERRS = 12
export const OUT_RSTS = 13
export const IN_CSUM_ERRORS = 14
export const SYNCOOKIES_SENT = 15
export const SYNCOOKIES_RECV = 16
export const SYNCOOKIES_FAILED = 17
export const EMBRYONIC_RSTS = 18
export const PRUNE_CALLED = 19
export const RCV_PRUNED = 20
export const OFO_PRUNED = 21
export const OUT_OF_WINDOW_ICMPS = 22
export const LOCK_DROPPED_ICMPS = 23
export const ARP_FILTER = 24
export const TW = 25
export const TW_RECYCLED = 26
export const TW_KILLED = 27
export const PAWS_ACTIVE = 28
export const PAWS_ESTAB = 29
export const DELAYED_ACKS = 30
export const DELAYED_ACK_LOCKED = 31
export const DELAYED_ACK_LOST = 32
export const LISTEN_OVERFLOWS = 33
export const LISTEN_DROPS = 34
export const HP_HITS = 35
export const PURE_ACKS = 36
export const HP_ACKS = 37
export const RENO_RECOVERY = 38
export const SACK_RECOVERY = 39
export const SACK_RENEGING = 40
export const SACK_REORDER = 41
export const RENO_REORDER = 42
export const TS_REORDER = 43
export const FULL_UNDO = 44
export const PARTIAL_UNDO = 45
export const DSACK_UNDO = 46
export const LOSS_UNDO = 47
export const LOST_RETRANSMIT = 48
export const RENO_FAILURES = 49
export const SACK_FAILURES = 50
export const LOSS_FAILURES = 51
export const FAST_RETRANS = 52
export const SLOW_START_RETRANS = 53
export const TIMEOUTS = 54
export const LOSS_PROBES = 55
export const LOSS_PROBE_RECOVERY = 56
export const RENO_RECOVERY_FAIL = 57
export const SACK_RECOVERY_FAIL = 58
export const RCV_COLLAPSED = 59
export const BACKLOG_COALESCE = 60
export const DSACK_OLD_SENT = 61
export const DSACK_OFO_SENT = 62
export const DSACK_RECV = 63
export const DSACK_OFO_RECV = 64
export const ABORT_ON_DATA = 65
export const ABORT_ON_CLOSE = 66
export const ABORT_ON_MEMORY = 67
export const ABORT_ON_TIMEOUT = 68
export const ABORT_ON_LINGER = 69
export const ABORT_FAILED = 70
export const MEMORY_PRESSURES = 71
export const SACK_DISCARD = 72
export const DSACK_IGNORED_OLD = 73
export const DSACK_IGNORED_NO_UNDO = 74
export const SPURIOUS_RTOS = 75
export const SACK_SHIFTED = 76
export const SACK_MERGED = 77
export const SACK_SHIFT_FALLBACK = 78
export const BACKLOG_DROP = 79
export const PF_MEMALLOC_DROP = 80
export const MIN_TTL_DROP = 81
export const DEFER_ACCEPT_DROP = 82
export const IP_REVERSE_PATH_FILTER = 83
export const TIME_WAIT_OVERFLOW = 84
export const REQ_Q_FULL_DO_COOKIES = 85
export const REQ_Q_FULL_DROP = 86
export const RETRANS_FAIL = 87
export const RCV_COALESCE = 88
export const OFO_QUEUE = 89
export const OFO_DROP = 90
export const OFO_MERGE = 91
export const CHALLENGE_ACK = 92
export const SYN_CHALLENGE = 93
export const FAST_OPEN_ACTIVE = 94
export const FAST_OPEN_ACTIVE_FAIL = 95
export const FAST_OPEN_PASSIVE = 96
export const FAST_OPEN_PASSIVE_FAIL = 97
export const FAST_OPEN_LISTEN_OVERFLOW = 98
export const FAST_OPEN_COOKIE_REQD = 99
export const SPURIOUS_RTX_HOST_QUEUES = 100
export const AUTO_CORKING = 101
export const FROM_ZERO_WINDOW_ADV = 102
export const TO_ZERO_WINDOW_ADV = 103
export const WANT_ZERO_WINDOW_ADV = 104
export const SYN_RETRANS = 105
export const ORIG_DATA_SENT = 106
export const HYSTART_TRAIN_DETECT = 107
export const HYSTART_TRAIN_CWND = 108
export const HYSTART_DELAY_DETECT = 109
export const HYSTART_DELAY_CWND = 110
export const ACK_SKIPPED_SYN_RECV = 111
export const ACK_SKIPPED_PAWS = 112
export const ACK_SKIPPED_SEQ = 113
export const ACK_SKIPPED_FIN_WAIT2 = 114
export const ACK_SKIPPED_TIME_WAIT = 115
export const ACK_SKIPPED_CHALLENGE = 116
export const WIN_PROBE = 117
export const KEEP_ALIVE = 118
export const DELIVERED = 119
export const ACK_COMPRESSED = 120
export const ZERO_WINDOW_DROP = 121
export const RCV_Q_DROP = 122
export const WQUEUE_TOO_BIG = 123
export const TIMEOUT_REHASH = 124
export const PAWS_PASSIVE = 125
export const DSACK_RECV_SEGS = 126
export const DSACK_IGNORED_DUBIOUS = 127
export const FAST_OPEN_BLACKHOLE = 128
export const FAST_OPEN_PASSIVE_ALT_KEY = 129
export const DELIVERED_CE = 130
export const MD5_NOT_FOUND = 131
export const MD5_UNEXPECTED = 132
export const MD5_FAILURE = 133
export const MTUP_FAIL = 134
export const MTUP_SUCCESS = 135
export const BEYOND_WINDOW = 136
export const TS_ECR_REJECTED = 137
export const PAWS_OLD_ACK = 138
export const PAWS_TIMEWAIT = 139

/** Counters of the Tcp line; the rest are TcpExt. */
export const tcpCounters = 15
/** Names, by position. */
export const counterNames: ReadonlyArray<string> = [
  "RtoAlgorithm",
  "RtoMin",
  "RtoMax",
  "MaxConn",
  "ActiveOpens",
  "PassiveOpens",
  "AttemptFails",
  "EstabResets",
  "CurrEstab",
  "InSegs",
  "OutSegs",
  "RetransSegs",
  "InErrs",
  "OutRsts",
  "InCsumErrors",
  "SyncookiesSent",
  "SyncookiesRecv",
  "SyncookiesFailed",
  "EmbryonicRsts",
  "PruneCalled",
  "RcvPruned",
  "OfoPruned",
  "OutOfWindowIcmps",
  "LockDroppedIcmps",
  "ArpFilter",
  "TW",
  "TWRecycled",
  "TWKilled",
  "PAWSActive",
  "PAWSEstab",
  "DelayedACKs",
  "DelayedACKLocked",
  "DelayedACKLost",
  "ListenOverflows",
  "ListenDrops",
  "TCPHPHits",
  "TCPPureAcks",
  "TCPHPAcks",
  "TCPRenoRecovery",
  "TCPSackRecovery",
  "TCPSACKReneging",
  "TCPSACKReorder",
  "TCPRenoReorder",
  "TCPTSReorder",
  "TCPFullUndo",
  "TCPPartialUndo",
  "TCPDSACKUndo",
  "TCPLossUndo",
  "TCPLostRetransmit",
  "TCPRenoFailures",
  "TCPSackFailures",
  "TCPLossFailures",
  "TCPFastRetrans",
  "TCPSlowStartRetrans",
  "TCPTimeouts",
  "TCPLossProbes",
  "TCPLossProbeRecovery",
  "TCPRenoRecoveryFail",
  "TCPSackRecoveryFail",
  "TCPRcvCollapsed",
  "TCPBacklogCoalesce",
  "TCPDSACKOldSent",
  "TCPDSACKOfoSent",
  "TCPDSACKRecv",
  "TCPDSACKOfoRecv",
  "TCPAbortOnData",
  "TCPAbortOnClose",
  "TCPAbortOnMemory",
  "TCPAbortOnTimeout",
  "TCPAbortOnLinger",
  "TCPAbortFailed",
  "TCPMemoryPressures",
  "TCPSACKDiscard",
  "TCPDSACKIgnoredOld",
  "TCPDSACKIgnoredNoUndo",
  "TCPSpuriousRTOs",
  "TCPSackShifted",
  "TCPSackMerged",
  "TCPSackShiftFallback",
  "TCPBacklogDrop",
  "PFMemallocDrop",
  "TCPMinTTLDrop",
  "TCPDeferAcceptDrop",
  "IPReversePathFilter",
  "TCPTimeWaitOverflow",
  "TCPReqQFullDoCookies",
  "TCPReqQFullDrop",
  "TCPRetransFail",
  "TCPRcvCoalesce",
  "TCPOFOQueue",
  "TCPOFODrop",
  "TCPOFOMerge",
  "TCPChallengeACK",
  "TCPSYNChallenge",
  "TCPFastOpenActive",
  "TCPFastOpenActiveFail",
  "TCPFastOpenPassive",
  "TCPFastOpenPassiveFail",
  "TCPFastOpenListenOverflow",
  "TCPFastOpenCookieReqd",
  "TCPSpuriousRtxHostQueues",
  "TCPAutoCorking",
  "TCPFromZeroWindowAdv",
  "TCPToZeroWindowAdv",
  "TCPWantZeroWindowAdv",
  "TCPSynRetrans",
  "TCPOrigDataSent",
  "TCPHystartTrainDetect",
  "TCPHystartTrainCwnd",
  "TCPHystartDelayDetect",
  "TCPHystartDelayCwnd",
  "TCPACKSkippedSynRecv",
  "TCPACKSkippedPAWS",
  "TCPACKSkippedSeq",
  "TCPACKSkippedFinWait2",
  "TCPACKSkippedTimeWait",
  "TCPACKSkippedChallenge",
  "TCPWinProbe",
  "TCPKeepAlive",
  "TCPDelivered",
  "TCPAckCompressed",
  "TCPZeroWindowDrop",
  "TCPRcvQDrop",
  "TCPWqueueTooBig",
  "TcpTimeoutRehash",
  "PAWSPassive",
  "TCPDSACKRecvSegs",
  "TCPDSACKIgnoredDubious",
  "TCPFastOpenBlackhole",
  "TCPFastOpenPassiveAltKey",
  "TCPDeliveredCE",
  "TCPMD5NotFound",
  "TCPMD5Unexpected",
  "TCPMD5Failure",
  "TCPMTUPFail",
  "TCPMTUPSuccess",
  "BeyondWindow",
  "TSEcrRejected",
  "PAWSOldAck",
  "PAWSTimewait"
]
