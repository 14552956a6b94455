// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
import RunVocabulary

/// Whether a folder is a lab of ours.
///
/// The default folder has a name that anybody could guess in a place where anybody may write, so the owner is checked
/// and links are not followed.
extension Layout {
    private static let markerText = "A practice cluster of selfheal. Remove it with 'selfheal lab down'.\n"

    /// What a command needs to be about this lab: nothing, or its folder.
    package var option: String {
        self.folder == LabOptions.defaultFolder ? "" : " --folder \(ShellWords.quote(self.folder))"
    }

    /// Takes a folder that does not exist or is empty.
    func claim() throws(PracticeClusterError) {
        if mkdir(self.folder, 0o700) != 0 {
            guard errno == EEXIST else {
                throw PracticeClusterError(.file, "the folder '\(self.folder)' cannot be made: \(Files.reason())")
            }
            try self.requireOwnFolder(else: .folderTaken)
            guard !Files.exists(self.marker) else {
                throw PracticeClusterError(
                    .folderTaken,
                    "there is a practice cluster in '\(self.folder)' already; "
                        + "take it down with 'selfheal lab down\(self.option)' first"
                )
            }
            guard Files.names(in: self.folder).isEmpty else {
                throw PracticeClusterError(.folderTaken, "the folder '\(self.folder)' is not empty; choose another one")
            }
        }
        // Of two that come at the same time, one makes the marker.
        try Files.write(self.marker, Self.markerText, isNew: true)
    }

    func requireMarker() throws(PracticeClusterError) {
        guard Files.exists(self.folder) else {
            throw PracticeClusterError(
                .notALab,
                "there is no practice cluster in '\(self.folder)'; start one with 'selfheal lab up\(self.option)'"
            )
        }
        try self.requireOwnFolder(else: .notALab)
        guard Files.exists(self.marker) else {
            throw PracticeClusterError(.notALab, "'\(self.folder)' is not a practice cluster; it is left alone")
        }
    }

    private func requireOwnFolder(else code: PracticeClusterError.Code) throws(PracticeClusterError) {
        var status = stat()
        guard lstat(self.folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw PracticeClusterError(code, "'\(self.folder)' is not a folder; choose another one")
        }
        guard status.st_uid == geteuid() else {
            throw PracticeClusterError(code, "'\(self.folder)' belongs to another user; choose another folder")
        }
    }
}
