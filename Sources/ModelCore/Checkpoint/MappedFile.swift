import Foundation
import Groundwork

#if canImport(Glibc)
  import Glibc
#endif

/// A file mapped read-only; the only owner unmaps it.
///
/// Unchecked Sendable: the mapping never changes after `init`.
public final class MappedFile: @unchecked Sendable {
  /// The file.
  public let url: URL
  /// Its contents, read-only, while this value lives.
  public let bytes: UnsafeRawBufferPointer

  /// - Throws: a failure that names the file when it cannot be opened or mapped
  public init(_ url: URL) throws {
    self.url = url
    let (descriptor, length) = try openRegularFile(url)
    defer { close(descriptor) }
    if length == 0 {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let start = mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw UpcycleError("cannot be mapped: \(String(cString: strerror(errno)))", at: url.path)
    }
    bytes = UnsafeRawBufferPointer(start: start, count: length)
  }

  deinit {
    if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
  }
}
