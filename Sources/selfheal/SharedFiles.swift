// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Files that come with the program: pages and schemas, as they lie in the repository.
///
/// They are found beside the program: in `share/selfheal` of where it is installed, or in the checkout it was built in. `SELFHEAL_SHARE`
/// names another folder.
enum SharedFiles {
    /// A build folder is a few levels below the checkout.
    private static let levels = 6

    static func read(_ path: String) -> [UInt8]? {
        for folder in self.folders {
            if case .success(let bytes) = TextFile.read("\(folder)/\(path)") {
                return bytes
            }
        }
        return nil
    }

    private static var folders: [String] {
        var folders = [Environment["SELFHEAL_SHARE"]].compactMap { $0 }
        var folder = (try? ExecutablePath.own()).map { TextFile.folder(of: $0) } ?? "."
        for _ in 0..<self.levels where folder != "/" {
            folders += ["\(folder)/share/selfheal", folder]
            folder = TextFile.folder(of: folder)
        }
        return folders
    }
}
