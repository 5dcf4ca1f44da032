/**
 * Import this before anything of Effect. Effect keeps an async_hooks resource for each suspended fiber where it finds the
 * module; nothing here reads them, and making one costs a third of a wake-up.
 */
Reflect.deleteProperty(process, "getBuiltinModule")
