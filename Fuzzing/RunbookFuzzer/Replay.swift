// Selfheal
// SPDX-License-Identifier: Apache-2.0

#if !FUZZING
import Foundation
import HostileCorpus

/// `RunbookFuzzer FILE…` gives each file to what the fuzzer gives its inputs to; `RunbookFuzzer --corpus FOLDER` writes the hostile files.
@main enum Replay {
    static func main() throws {
        let words = Array(CommandLine.arguments.dropFirst())
        guard words.first == "--corpus" else {
            for path in words {
                RunbookFuzzer.take(try Array(Data(contentsOf: URL(filePath: path))))
            }
            return
        }
        let folder = URL(filePath: words.count > 1 ? words[1] : ".")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for hostile in HostileCorpus.refused {
            let name = hostile.name.replacingOccurrences(of: " ", with: "-") + ".yaml"
            try Data(hostile.bytes).write(to: folder.appending(path: name))
        }
    }
}
#endif
