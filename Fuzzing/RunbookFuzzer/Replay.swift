// Selfheal
// SPDX-License-Identifier: Apache-2.0

import HostileCorpus

#if FUZZING
/// Called by libFuzzer, which has the `main`, with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    Intake.take(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
#else
import Foundation

/// `RunbookFuzzer FILE…` gives each file to what the fuzzer gives its inputs to; `RunbookFuzzer --corpus FOLDER` writes the hostile files.
@main enum Replay {
    static func main() throws {
        let words = Array(CommandLine.arguments.dropFirst())
        guard words.first == "--corpus" else {
            for path in words {
                Intake.take(try Array(Data(contentsOf: URL(filePath: path))))
            }
            return
        }
        let folder = URL(filePath: words.count > 1 ? words[1] : ".")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for hostile in HostileCorpus.refused + (words.last == "large" ? HostileCorpus.large : []) {
            let name = hostile.name.replacingOccurrences(of: " ", with: "-") + ".yaml"
            try Data(hostile.bytes).write(to: folder.appending(path: name))
        }
    }
}
#endif
