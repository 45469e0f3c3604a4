import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// What the system says about the last call that failed: "No space left on device".
func systemReason(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }

/// Opens a file for reading; says which file and why when it cannot.
public func openForReading(_ url: URL) throws -> FileHandle {
  let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else {
    throw UpcycleError(errno == ENOENT ? "no such file" : "cannot be read: \(systemReason())", at: url.path)
  }
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
  guard descriptor >= 0 else {
    throw UpcycleError(errno == ENOENT ? "no such file" : "cannot be read: \(systemReason())", at: url.path)
  }
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
public func makeDirectory(_ url: URL) throws {
  let path = url.path
  if mkdir(path, 0o777) == 0 { return }
  if errno == ENOENT, path != "/", !path.isEmpty {
    try makeDirectory(url.deletingLastPathComponent())
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
