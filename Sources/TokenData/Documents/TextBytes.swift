import Groundwork

/// The bytes of a text file (or standard input, "-"), unpacked where it is gzip or zstd. The last character may be cut off, as
/// `head -c` cuts.
/// - Throws: for what is no text: binaries, and other encodings than UTF-8
public func textBytes(of path: String) throws -> [UInt8] {
  let stream = try ByteStream(path)
  var bytes: [UInt8] = []
  while let part = try stream.next() { bytes += part }
  for cut in 0...3 where cut == 0 || beginsACharacter(bytes.suffix(cut)) {
    if String(validating: bytes.dropLast(cut), as: UTF8.self) != nil { return bytes }
  }
  throw UpcycleError("is not text", at: path, expected: "UTF-8", found: "bytes that are none")
}

/// Whether these are the first bytes of a character of UTF-8, and not all of it.
private func beginsACharacter(_ bytes: ArraySlice<UInt8>) -> Bool {
  guard let lead = bytes.first, bytes.dropFirst().allSatisfy({ 0x80...0xBF ~= $0 }) else { return false }
  switch lead {
  case 0xC2...0xDF: return bytes.count < 2
  case 0xE0...0xEF: return bytes.count < 3
  case 0xF0...0xF4: return bytes.count < 4
  default: return false
  }
}
