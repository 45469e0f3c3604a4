import Autograd
import CKernels
import Groundwork
import TensorCore

/// A decoder-only language model: embedding, layers (mixer + feed-forward, each behind its RMSNorm), final
/// norm, head (tied to the embedding or not).
public final class LanguageModel {
  public let config: ModelConfig
  public let parameters: ParameterSet
  public let embedding: Parameter  // [vocab, D]
  public let layers: [DecoderLayer]
  public let finalNorm: Parameter  // [D]
  public let head: Parameter  // [vocab, D]; the embedding itself when tied

  /// - Parameter file: what error messages call the source.
  public init(_ config: ModelConfig, weights source: any WeightSource, file: String = "model") throws {
    self.config = config
    let weights = WeightRequests(source, count: config.parameterCount)
    embedding = try weights.tensor(config.embeddingName, [config.vocabularySize, config.hiddenSize])
    layers = try (0..<config.layerCount).map { try DecoderLayer(config, index: $0, weights: weights) }
    finalNorm = try weights.tensor(config.finalNormName, [config.hiddenSize])
    head =
      config.tieWordEmbeddings
      ? embedding : try weights.tensor("lm_head.weight", [config.vocabularySize, config.hiddenSize])
    parameters = try weights.finish(file: file) { name in
      // Buffers and tied copies that some checkpoints carry.
      name.hasSuffix("rotary_emb.inv_freq") || (config.tieWordEmbeddings && name == "lm_head.weight")
    }
  }

  // MARK: Training

  /// Final hidden states [B, T, D] (after the final norm) of ids [B * T], every sequence from position 0.
  /// - Parameter probe: sees each layer's output (diagnosis, intermediate objectives).
  public func hidden(
    _ tape: Tape, ids: [Int32], batch: Int, time: Int, checkpointing: Bool = false,
    probe: ((Int, Variable) -> Void)? = nil
  ) -> Variable {
    precondition(ids.count == batch * time)
    let positionIds = (0..<batch * time).map { Int32($0 % time) }
    var x = tape.embedding(embedding, ids: ids, leading: [batch, time])
    for (index, layer) in layers.enumerated() {
      if checkpointing {
        x = tape.checkpoint(x) { layer.forward($0, $1, batch: batch, time: time, positionIds: positionIds) }
      } else {
        x = layer.forward(tape, x, batch: batch, time: time, positionIds: positionIds)
      }
      probe?(index, x)
    }
    return normed(tape, x)
  }

  func normed(_ tape: Tape, _ x: Variable) -> Variable {
    tape.rmsNorm(x, finalNorm, eps: Float(config.rmsNormEps), offset: config.normOffset)
  }

  /// Logits [rows, vocab] of hidden rows.
  public func logits(_ hidden: Tensor) -> Tensor {
    hidden.reshaped([hidden.rowCount, hidden.width]).matrixProduct(head.value, transposed: true)
  }

  /// Logits [B, T, vocab] of whole sequences.
  public func logits(ids: [Int32], batch: Int, time: Int) -> Tensor {
    let states = hidden(Tape(recording: false), ids: ids, batch: batch, time: time)
    return logits(states.value).reshaped([batch, time, config.vocabularySize])
  }
}
