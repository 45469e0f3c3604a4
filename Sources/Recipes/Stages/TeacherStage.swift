import Foundation
import Groundwork
import LabKit
import ModelCore

/// `teacher`: a committed pretrained ladder model, by preset and seed.
let teacherStage = Stage(
  name: "teacher", version: 1, parameters: ["preset", "seed"], seeded: false,
  inputs: { config in ["model": try modelIdentity(try teacherFolder(config))] },
  run: { context in
    let source = try teacherFolder(context.config)
    for name in ["model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json"] {
      let file = source.appendingPathComponent(name)
      if FileManager.default.fileExists(atPath: file.path) {
        try writeFile(readFile(file), to: context.folder.appendingPathComponent(name))
      }
    }
    return StageResult()
  })

private func teacherFolder(_ config: JSONValue) throws -> URL {
  let parameters = StageParameters(config)
  let preset = try parameters.string("preset")
  let seed = try parameters.int("seed")
  let folder = try Places().teacher(preset, seed: seed)
  guard FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path) else {
    throw UpcycleError(
      "no pretrained model is committed", at: folder.path,
      hint: "hybrid pretrain --preset \(preset) --seed \(seed) --out \(folder.path)")
  }
  return folder
}
