"""The words of the sign-in pages in Chinese; English is the key."""

from __future__ import annotations

from collections.abc import Callable

CHINESE = {
    "Sign in": "登录",
    "Sign out": "退出登录",
    "Sign out of Tocsin?": "要退出 Tocsin 吗？",
    "This ends your session on this screen.": "您在此屏幕上的会话将结束。",
    "Stay": "不退出",
    "E-mail": "电子邮箱",
    "Name": "姓名",
    "Password": "密码",
    "Password again": "再次输入密码",
    "Present password": "当前密码",
    "New password": "新密码",
    "New password again": "再次输入新密码",
    "Change password": "修改密码",
    "Your account": "您的账户",
    "Roles": "角色",
    "Back": "返回",
    "First administrator": "第一位管理员",
    "Create the account": "创建账户",
    "Not possible": "无法执行",
    "Multi-hazard watch and early warning": "多灾种监视与预警",
    "At least 12 characters. A few words make a good password.": "至少 12 个字符。几个词语组合就是好密码。",
    "There is no account yet. Open the link that Tocsin printed on its console when it started.":
        "还没有任何账户。请打开 Tocsin 启动时在控制台显示的链接。",
    "This administrator also gets the roles duty and viewer. Authors and approvers of warnings are appointed later.":
        "该管理员同时具有值班和查看角色。预警的编写人和审批人以后再指定。",
    "The page was open for too long. Please try again.": "页面打开时间过长，请重试。",
    "Too many wrong attempts. Please wait a few minutes.": "错误次数过多，请几分钟后再试。",
    "This e-mail address and password do not belong together.": "电子邮箱或密码不正确。",
    "The two passwords differ.": "两次输入的密码不一致。",
    "This is not an e-mail address.": "这不是有效的电子邮箱地址。",
    "The present password is not right.": "当前密码不正确。",
    "Your password is changed. Other sessions have ended.": "密码已修改，其他会话已结束。",
    "This link is not valid, or no longer. It is printed when Tocsin starts without an account.":
        "此链接无效或已失效。Tocsin 在没有账户的情况下启动时会显示新的链接。",
    "A password has at least 12 characters.": "密码至少 12 个字符。",
    "A password has at most 128 characters.": "密码最多 128 个字符。",
    "This password is among the first that an attacker tries.": "此密码过于常见，容易被猜中。",
    "This account may not do that.": "此账户无权执行该操作。",
    "This request came from another site.": "此请求来自其他网站。",
    "This request came from another origin.": "此请求来自其他来源。",
    "The page is out of date: load it again.": "页面已过期，请重新加载。",
    "Send JSON.": "请发送 JSON。",
    "Sign in first.": "请先登录。",
    "This token is not known.": "令牌无效。",
    "viewer": "查看",
    "duty": "值班",
    "planner": "规划",
    "author": "编写",
    "approver": "审批",
    "admin": "管理",
    "Second step": "第二步验证",
    "A security key needs scripts. A code works without.": "安全密钥需要启用脚本；验证码则不需要。",
    "Use a security key": "使用安全密钥",
    "The security key was not accepted.": "安全密钥未被接受。",
    "Code of your authenticator program": "身份验证器中的验证码",
    "The sign-in through the provider did not work. Please try again, or use your password.":
        "通过身份提供方登录未成功。请重试，或使用密码登录。",
    "The provider gives this person no role here. Ask the administrator.":
        "身份提供方未授予您在此系统中的角色，请联系管理员。",
    "There is an account with a password for this address. Sign in with the password.":
        "此邮箱已有使用密码的账户，请用密码登录。",
    "No provider of identities is set up here.": "此处未设置身份提供方。",
    "Recovery code": "恢复代码",
    "Without your telephone: type one of your recovery codes.": "手机不在身边时：输入一个恢复代码。",
    "Each recovery code opens once.": "每个恢复代码只能使用一次。",
    "This code is not right, or was used already.": "验证码不正确，或已被使用。",
    "Is it you?": "请确认是您本人",
    "What comes next counts, so Tocsin asks once more who you are. The answer holds for five minutes.":
        "接下来的操作很重要，因此 Tocsin 需要再次确认您的身份，确认后五分钟内有效。",
    "Go on": "继续",
    "Sign in with": "登录方式：",
    "The present password or the code is not right.": "当前密码或验证码不正确。",
    "This key did not ask who you are: give your password too.": "此密钥未验证您的身份：请同时输入密码。",
    "Set up an authenticator program": "设置身份验证器",
    "Scan this picture with an authenticator program on your telephone, then type the code that it shows.":
        "请用手机上的身份验证器扫描此图，然后输入其显示的验证码。",
    "The secret as a QR code; it is written below.": "密钥的二维码；文字见下方。",
    "Without a camera, type this secret:": "无法扫描时，请手动输入此密钥：",
    "Its name": "名称",
    "Telephone": "手机",
    "Code": "验证码",
    "Set up": "完成设置",
    "Second factors": "双因素验证",
    "These roles of yours sleep until a second factor is set up:":
        "以下角色在设置第二验证因素之前处于休眠状态：",
    "Until then this account looks and changes nothing with them.":
        "在此之前，此账户不能使用这些角色进行任何更改。",
    "Recovery codes": "恢复代码",
    "Write these down or print them now: they are shown this once.":
        "请立即抄写或打印：仅显示这一次。",
    "Each opens the sign-in once when the second factor is lost.": "第二验证因素丢失时，每个代码可用于登录一次。",
    "Authenticator program": "身份验证器",
    "Security key": "安全密钥",
    "since": "自",
    "Take away": "移除",
    "Recovery codes left:": "剩余恢复代码：",
    "A second factor protects this account when its password is known to somebody else.":
        "即使密码被他人知道，第二验证因素仍可保护此账户。",
    "Add an authenticator program": "添加身份验证器",
    "Add a security key": "添加安全密钥",
    "New recovery codes": "生成新的恢复代码",
    "Prove who you are to change these": "确认身份后方可更改",
    "Later": "以后再说",
    "The second factor is set up.": "第二验证因素已设置。",
    "This code is not right. Is the time of your telephone right?": "验证码不正确。请检查手机时间是否准确。",
    "This is the last one, and a role of yours needs one: add another first.":
        "这是最后一个，而您的角色需要它：请先添加另一个。",
    "This account has as many second factors as it may have.": "此账户的第二验证因素已达上限。",
    "Prove first who you are.": "请先确认您的身份。",
    "There is no security key for this address.": "此地址没有已登记的安全密钥。",
    "Welcome to Tocsin": "欢迎使用 Tocsin",
    "This account is yours. Choose a password; this link then opens nothing any more.":
        "此账户归您使用。请设置密码；之后此链接即失效。",
    "Take the account over": "启用账户",
    "This link is not valid, or no longer. Ask the administrator for a new one.":
        "此链接无效或已失效。请向管理员索取新的链接。",
    "asleep": "休眠",
    "Regions": "区域",
    "Hazards": "灾种",
    "Sessions": "会话",
    "this one": "当前会话",
    "End": "结束",
    "End all others": "结束其他所有会话",
    "wall": "大屏",
}  # fmt: skip


def words(locale: str) -> Callable[[str], str]:
    """The function that turns an English text of these pages into the reader's language."""
    return (lambda text: CHINESE.get(text, text)) if locale == "zh" else str
