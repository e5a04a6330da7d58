;; Plays a person in Emacs with eglot: types, completes at point, accepts, saves. Run in batch mode
;; with three arguments: the file, the Python to run the server with, and the keys to type.

(make-directory user-emacs-directory t)
(setq native-comp-jit-compilation nil
      native-comp-enable-subr-trampolines nil
      make-backup-files nil
      create-lockfiles nil
      eglot-sync-connect 60
      eglot-autoshutdown t
      eglot-send-changes-idle-time 0)
(require 'eglot)

(defun play (file python keys)
  (find-file file)
  (python-mode)
  (setq-local eglot-server-programs
              `((python-mode . (,python "-m" "lsp_server" "lsp"))))
  (eglot--connect '(python-mode) (project-current t) 'eglot-lsp-server
                  `(,python "-m" "lsp_server" "lsp") '("python"))
  (eglot--maybe-activate-editing-mode)
  (goto-char (point-max))
  (backward-char)
  (mapc (lambda (key) (let ((last-command-event key)) (self-insert-command 1))) keys)
  (completion-at-point)
  (save-buffer)
  (eglot-shutdown (eglot-current-server)))

(apply #'play command-line-args-left)
(setq command-line-args-left nil)
