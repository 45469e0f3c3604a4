import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Opens a file for reading; says which file and why when it cannot.
public func openForReading(_ url: URL) throws -> FileHandle {
  do {
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory), isDirectory.boolValue {
      throw UpcycleError("is a folder, not a file", at: url.path)
    }
    return try FileHandle(forReadingFrom: url)
  } catch let error as UpcycleError {
    throw error
  } catch {
    throw UpcycleError(
      FileManager.default.fileExists(atPath: url.path) ? "cannot be read" : "no such file", at: url.path)
  }
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
  do { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) } catch {
    throw UpcycleError("cannot create this folder", at: url.path, hint: "check the path and its permissions")
  }
}

/// A file that appears under its name only when complete: bytes go to `NAME.tmp` in the same folder,
/// `commit()` syncs it to the disk and renames it. Dropping the writer without `commit()` removes the
/// temporary file, so an error, a full disk or an interrupt never leaves a partial file behind.
public final class AtomicFile {
  public let url: URL
  private let temporary: URL
  private var descriptor: Int32

  public init(_ url: URL) throws {
    self.url = url
    try makeDirectory(url.deletingLastPathComponent())
    temporary = url.deletingLastPathComponent()
      .appendingPathComponent(".\(url.lastPathComponent).\(getpid()).tmp")
    descriptor = open(temporary.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw UpcycleError("cannot write: \(String(cString: strerror(errno)))", at: url.path) }
  }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      unlink(temporary.path)
    }
  }

  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count {
      let wrote = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
      if wrote < 0 {
        if errno == EINTR { continue }
        throw UpcycleError("cannot write: \(String(cString: strerror(errno)))", at: url.path)
      }
      done += wrote
    }
  }

  public func write(_ data: Data) throws { try data.withUnsafeBytes { try write($0) } }
  public func write(_ text: String) throws { try write(Data(text.utf8)) }

  /// Syncs and renames; after this the file exists whole.
  public func commit() throws {
    if fsync(descriptor) != 0 && errno != EINVAL && errno != EROFS {
      throw UpcycleError("cannot sync: \(String(cString: strerror(errno)))", at: url.path)
    }
    if close(descriptor) != 0 {
      descriptor = -1
      unlink(temporary.path)
      throw UpcycleError("cannot write: \(String(cString: strerror(errno)))", at: url.path)
    }
    descriptor = -1
    if rename(temporary.path, url.path) != 0 {
      let reason = String(cString: strerror(errno))
      unlink(temporary.path)
      throw UpcycleError("cannot rename into place: \(reason)", at: url.path)
    }
  }
}

/// Writes a whole file atomically.
public func writeFile(_ data: Data, to url: URL) throws {
  let file = try AtomicFile(url)
  try file.write(data)
  try file.commit()
}

public func writeFile(_ text: String, to url: URL) throws { try writeFile(Data(text.utf8), to: url) }
