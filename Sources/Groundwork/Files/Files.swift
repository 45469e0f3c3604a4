import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// What the system says about the last call that failed: "No space left on device".
func systemReason(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }

/// What a path leads to, behind symbolic links: `S_IFREG`, `S_IFDIR`, `S_IFIFO` and so on; nil: nothing is there.
public func fileKind(_ path: String) -> mode_t? {
  var status = stat()
  return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
}

/// Refuses a symbolic link to nothing, whose place no folder can take.
public func refuseDeadLink(_ url: URL) throws {
  let path = url.standardizedFileURL.path
  guard fileKind(path) == nil, let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else {
    return
  }
  throw UpcycleError.usage(
    "is a link to \(target), which leads nowhere", at: path, expected: "a folder to write",
    hint: "mend or remove the link, or name another folder")
}

/// Why the last call could not open a file; a link to nothing is not a name that is not there.
private func cannotOpen(_ url: URL) -> UpcycleError {
  guard errno == ENOENT else { return UpcycleError("cannot be read: \(systemReason())", at: url.path) }
  guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: url.path) else {
    return UpcycleError("no such file", at: url.path)
  }
  return UpcycleError(
    "no such file", at: url.path, found: "a link to \(target), where nothing is",
    hint: "mend the link, or name another file")
}

/// Opens a file for reading; says which file and why when it cannot.
public func openForReading(_ url: URL) throws -> FileHandle {
  let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw cannotOpen(url) }
  var status = stat()
  if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
    close(descriptor)
    throw UpcycleError("is a folder, not a file", at: url.path)
  }
  return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
}

/// Opens a file that will be mapped, or read here and there; a pipe or a device is refused at once.
/// - Returns: its descriptor and its length in bytes; the caller closes.
public func openRegularFile(_ url: URL) throws -> (descriptor: Int32, length: Int) {
  // Without O_NONBLOCK, opening a pipe waits for a writer.
  let descriptor = open(url.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
  guard descriptor >= 0 else { throw cannotOpen(url) }
  var status = stat()
  guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
    close(descriptor)
    throw UpcycleError("is not a regular file", at: url.path)
  }
  return (descriptor, Int(status.st_size))
}

/// Reads a whole file.
public func readFile(_ url: URL) throws -> Data {
  let handle = try openForReading(url)
  defer { try? handle.close() }
  do { return try handle.readToEnd() ?? Data() } catch {
    throw UpcycleError("cannot be read: \(error.localizedDescription)", at: url.path)
  }
}

/// Creates a folder and its parents.
public func makeDirectory(_ url: URL) throws { try makeDirectory(url.path) }

private func makeDirectory(_ path: String) throws {
  if mkdir(path, 0o777) == 0 { return }
  if errno == ENOENT {
    // Of a URL that ends in "..", the parent would be longer: it gets another "..".
    let parent = (path as NSString).deletingLastPathComponent
    if !parent.isEmpty, parent.utf8.count < path.utf8.count { try makeDirectory(parent) }
    if mkdir(path, 0o777) == 0 { return }
  }
  let reason = systemReason()
  var status = stat()
  if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
  throw UpcycleError("cannot create this folder: \(reason)", at: path, hint: "check the path and its permissions")
}

/// Writes a whole file atomically, see `AtomicFile`.
public func writeFile(_ data: Data, to url: URL) throws {
  let file = try AtomicFile(url)
  try file.write(data)
  try file.commit()
}

/// Writes a whole text file in UTF-8 atomically, see `AtomicFile`.
public func writeFile(_ text: String, to url: URL) throws { try writeFile(Data(text.utf8), to: url) }

/// The path of a file or folder, without `..` and links: two that are equal are one.
public func resolvedPath(_ url: URL) -> String { url.standardizedFileURL.resolvingSymlinksInPath().path }
