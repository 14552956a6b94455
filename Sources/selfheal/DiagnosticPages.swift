// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource

/// The pages about diagnostics, one file for each code.
///
/// They are found beside the program: in `share/selfheal/diagnostics` of where it is installed, or in `docs/diagnostics` of the checkout it
/// was built in. `SELFHEAL_DOCS` names another folder.
enum DiagnosticPages {
    /// A build folder is a few levels below the checkout.
    private static let levels = 6

    static func page(_ code: Diagnostic.Code) -> String? {
        for folder in self.folders {
            if case .success(let bytes) = TextFile.read("\(folder)/\(code).md") {
                return String(decoding: bytes, as: UTF8.self)
            }
        }
        return nil
    }

    private static var folders: [String] {
        var folders = [Environment["SELFHEAL_DOCS"]].compactMap { $0 }
        var folder = (try? ExecutablePath.own()).map { TextFile.folder(of: $0) } ?? "."
        for _ in 0..<self.levels where folder != "/" {
            folders += ["\(folder)/share/selfheal/diagnostics", "\(folder)/docs/diagnostics"]
            folder = TextFile.folder(of: folder)
        }
        return folders
    }
}
