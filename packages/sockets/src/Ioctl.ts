/** Requests of ioctl() that files here understand (Linux: include/uapi/asm-generic/ioctls.h, linux/sockios.h). */
export const FIONBIO = 0x5421
/** FIONREAD too. */
export const SIOCINQ = 0x541b
export const SIOCOUTQ = 0x5411
export const SIOCOUTQNSD = 0x894b
export const SIOCATMARK = 0x8905
