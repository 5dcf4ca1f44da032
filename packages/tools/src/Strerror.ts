/** Error numbers in words, as strerror(3) of glibc says them. */
import * as Errno from "@darkfiber/kernel-net/Errno"

const texts: ReadonlyMap<number, string> = new Map([
  [Errno.EPERM, "Operation not permitted"],
  [Errno.ENOENT, "No such file or directory"],
  [Errno.ESRCH, "No such process"],
  [Errno.EINTR, "Interrupted system call"],
  [Errno.EIO, "Input/output error"],
  [Errno.ENXIO, "No such device or address"],
  [Errno.E2BIG, "Argument list too long"],
  [Errno.EBADF, "Bad file descriptor"],
  [Errno.EAGAIN, "Resource temporarily unavailable"],
  [Errno.ENOMEM, "Cannot allocate memory"],
  [Errno.EACCES, "Permission denied"],
  [Errno.EBUSY, "Device or resource busy"],
  [Errno.EEXIST, "File exists"],
  [Errno.ENODEV, "No such device"],
  [Errno.EINVAL, "Invalid argument"],
  [Errno.ENFILE, "Too many open files in system"],
  [Errno.EMFILE, "Too many open files"],
  [31, "Too many links"],
  [Errno.EPIPE, "Broken pipe"],
  [Errno.ERANGE, "Numerical result out of range"],
  [Errno.ENOTEMPTY, "Directory not empty"],
  [Errno.ELOOP, "Too many levels of symbolic links"],
  [54, "Exchange full"],
  [Errno.EMSGSIZE, "Message too long"],
  [Errno.EPROTONOSUPPORT, "Protocol not supported"],
  [Errno.EOPNOTSUPP, "Operation not supported"],
  [Errno.EAFNOSUPPORT, "Address family not supported by protocol"],
  [Errno.EADDRINUSE, "Address already in use"],
  [Errno.EADDRNOTAVAIL, "Cannot assign requested address"],
  [Errno.ENETDOWN, "Network is down"],
  [Errno.ENETUNREACH, "Network is unreachable"],
  [Errno.ECONNABORTED, "Software caused connection abort"],
  [Errno.ECONNRESET, "Connection reset by peer"],
  [Errno.ENOBUFS, "No buffer space available"],
  [Errno.ENOTCONN, "Transport endpoint is not connected"],
  [Errno.ETIMEDOUT, "Connection timed out"],
  [Errno.ECONNREFUSED, "Connection refused"],
  [Errno.EHOSTDOWN, "Host is down"],
  [Errno.EHOSTUNREACH, "No route to host"],
  [Errno.EINPROGRESS, "Operation now in progress"]
])

/** @param errno positive or negative */
export const strerror = (errno: number): string => texts.get(Math.abs(errno)) ?? `Unknown error ${Math.abs(errno)}`
