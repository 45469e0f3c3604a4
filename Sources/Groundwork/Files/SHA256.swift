import CCrypto
import Foundation

/// SHA-256 by OpenSSL, incremental. Digests are lower-case hexadecimal strings.
public struct SHA256Hasher: ~Copyable {
  private let context: OpaquePointer

  /// Begins a digest.
  public init() {
    context = EVP_MD_CTX_new()
    EVP_DigestInit_ex(context, EVP_sha256(), nil)
  }
  deinit { EVP_MD_CTX_free(context) }

  /// Adds bytes.
  public func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return }
    EVP_DigestUpdate(context, base, bytes.count)
  }

  /// The digest of everything added: 64 hexadecimal digits.
  public consuming func finish() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    EVP_DigestFinal_ex(context, &digest, nil)
    return digest.map { byte in
      let hex = String(byte, radix: 16)
      return byte < 16 ? "0" + hex : hex
    }.joined()
  }
}

/// Digest of bytes.
public func sha256(_ bytes: UnsafeRawBufferPointer) -> String {
  let hasher = SHA256Hasher()
  hasher.update(bytes)
  return hasher.finish()
}

/// Digest of bytes.
public func sha256(_ data: Data) -> String { data.withUnsafeBytes { sha256($0) } }

/// Digest of a text in UTF-8.
public func sha256(_ text: String) -> String { sha256(Data(text.utf8)) }

/// Digest of a file's bytes, read in 1 MiB pieces.
/// - Parameter isWanted: asked before every piece
/// - Throws: where the file cannot be read; `CancellationError` once the digest is not wanted any more
public func sha256(fileAt url: URL, isWanted: () -> Bool = { true }) throws -> String {
  let handle = try openForReading(url)
  defer { try? handle.close() }
  let hasher = SHA256Hasher()
  while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty {
    if !isWanted() { throw CancellationError() }
    piece.withUnsafeBytes { hasher.update($0) }
  }
  return hasher.finish()
}
