import Foundation
import Groundwork
import LabKit
import ModelCore

/// Which committed model.
struct TeacherParameters: StageParameters {
  var preset: String
  var seed: Int

  enum CodingKeys: String, CodingKey, CaseIterable { case preset, seed }

  func folder() throws -> URL {
    let folder = try Places().teacher(preset, seed: seed)
    guard FileManager.default.fileExists(atPath: folder.appendingPathComponent("config.json").path) else {
      throw UpcycleError(
        "no pretrained model is committed", at: folder.path,
        hint: "hybrid pretrain --preset \(preset) --seed \(seed) --out \(shellQuoted(folder.path))")
    }
    return folder
  }
}

/// `teacher`: a committed pretrained ladder model, by preset and seed.
let teacherStage = Stage(
  name: "teacher", version: 1, parameters: TeacherParameters.self, seeded: false,
  inputs: { parameters in ["model": try modelIdentity(try parameters.folder())] },
  run: { context, parameters in
    let source = try parameters.folder()
    for name in ["model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json"] {
      let file = source.appendingPathComponent(name)
      if FileManager.default.fileExists(atPath: file.path) {
        try writeFile(readFile(file), to: context.folder.appendingPathComponent(name))
      }
    }
    return StageResult()
  })
