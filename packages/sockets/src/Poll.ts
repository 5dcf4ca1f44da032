/** What can be ready at a file (Linux: include/uapi/asm-generic/poll.h, eventpoll.h: the same numbers). */
export const POLLIN = 0x1
export const POLLPRI = 0x2
export const POLLOUT = 0x4
export const POLLERR = 0x8
export const POLLHUP = 0x10
export const POLLNVAL = 0x20
export const POLLRDNORM = 0x40
export const POLLRDBAND = 0x80
export const POLLWRNORM = 0x100
export const POLLWRBAND = 0x200
export const POLLRDHUP = 0x2000

/** What sock_def_readable says. */
export const READABLE = POLLIN | POLLPRI | POLLRDNORM | POLLRDBAND
/** What sock_def_write_space says. */
export const WRITABLE = POLLOUT | POLLWRNORM | POLLWRBAND

export const EPOLLIN = 0x1
export const EPOLLPRI = 0x2
export const EPOLLOUT = 0x4
export const EPOLLERR = 0x8
export const EPOLLHUP = 0x10
export const EPOLLRDHUP = 0x2000
export const EPOLLEXCLUSIVE = 1 << 28
export const EPOLLONESHOT = 1 << 30
export const EPOLLET = 1 << 31
