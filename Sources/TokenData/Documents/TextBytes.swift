import Groundwork

/// The bytes of a text file (or standard input, "-"), unpacked where it is gzip or zstd. The last character may be cut off, as
/// `head -c` cuts.
/// - Throws: for what is no text: binaries, and other encodings than UTF-8
public func textBytes(of path: String) throws -> [UInt8] {
  let stream = try ByteStream(path)
  var bytes: [UInt8] = []
  while let part = try stream.next() { bytes += part }
  let fault = bytes.withUnsafeBufferPointer { TextFault(in: $0) }
  if let fault, !fault.isCut { throw fault.error(in: stream.name) }
  return bytes
}
