import Groundwork

/// The bytes of a text file (or standard input, "-"), unpacked where it is gzip or zstd.
/// - Throws: for what is no text: binaries, and other encodings than UTF-8
public func textBytes(of path: String) throws -> [UInt8] {
  let stream = try ByteStream(path)
  var bytes: [UInt8] = []
  while let part = try stream.next() { bytes += part }
  if String(validating: bytes, as: UTF8.self) == nil {
    throw UpcycleError("is not text", at: path, expected: "UTF-8", found: "bytes that are none")
  }
  return bytes
}
